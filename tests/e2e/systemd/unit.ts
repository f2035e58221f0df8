/** A unit file's values by key, in order; an empty one takes those before it away. */
export interface Unit {
  /** All values of a key in a section. */
  all(section: string, key: string): readonly string[];
  /** The value of a key that has just one; throws otherwise. */
  one(section: string, key: string): string;
}

/** https://www.freedesktop.org/software/systemd/man/latest/systemd.syntax.html, without quotes and continued lines. */
export function parseUnit(text: string): Unit {
  const values = new Map<string, string[]>();
  let section = "";
  for (const line of text.split("\n")) {
    const header = /^\[(\w+)\]$/.exec(line)?.[1];
    const [, key, value = ""] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (header !== undefined) {
      section = header;
    } else if (key !== undefined) {
      const before = values.get(`${section}.${key}`) ?? [];
      values.set(`${section}.${key}`, value === "" ? [] : [...before, value]);
    } else if (line !== "" && !line.startsWith("#")) {
      throw new Error(`not a unit file's line: ${line}`);
    }
  }
  const all = (name: string, key: string) => values.get(`${name}.${key}`) ?? [];
  return {
    all,
    one(name, key) {
      const [value, ...more] = all(name, key);
      if (value === undefined || more.length > 0) {
        throw new Error(`[${name}] has ${more.length === 0 ? "no" : "more than one"} ${key}`);
      }
      return value;
    },
  };
}

/** The environment that systemd gives a service: its own, then that of the file, less what the unit unsets. */
export function environmentOf(unit: Unit, file: string): Readonly<Record<string, string>> {
  const lines = file.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const unset = new Set(unit.all("Service", "UnsetEnvironment").flatMap((value) => value.split(" ")));
  const entries = [`PATH=${systemdPath}`, ...lines].map((line): [string, string] => {
    const at = line.indexOf("=");
    return [line.slice(0, at), line.slice(at + 1)];
  });
  return Object.fromEntries(entries.filter(([name]) => !unset.has(name)));
}

const systemdPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin";
