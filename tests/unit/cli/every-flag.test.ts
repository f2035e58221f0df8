import { describe, expect, test } from "bun:test";
import { commands } from "../../../src/cli/commands.ts";
import { dispatch } from "../../../src/cli/dispatch.ts";
import { type Flag, type FlagTable, spellings, variablesOf } from "../../../src/cli/flag-table.ts";
import { type FlagSource, parseFlags } from "../../../src/cli/flags.ts";
import { createFakeCommandIo } from "../../fakes/command-io.ts";

// What holds for each flag of each command, so that no new one escapes.

const cases = [...commands].flatMap(([command, { flags }]) =>
  Object.entries(flags).map(([key, flag]) => ({ command, flags, key, flag, name: `kiam ${command} --${flag.name}` })),
);
const having = (wanted: (flag: Flag) => boolean) =>
  cases.filter(({ flag }) => wanted(flag)).map((one) => [one.name, one] as const);

/** A value that each flag takes, by its hint, and not its default. */
const samples: Readonly<Record<string, string>> = {
  text: "some text",
  path: "/some/path",
  file: import.meta.path,
  duration: "1h30m",
  port: "81",
  number: "3",
  url: "http://example.org",
  interface: "cali+",
  name: "node-1",
  namespace: "kiam",
  "namespace/name": "kiam/agent",
  "host:port": "example.org:81",
  "address[,address]": "10.0.0.1",
  arn: "arn:aws:iam::123456789012:role/",
  role: "kiam-server",
  domain: "example.org",
  region: "eu-west-1",
};

const sampleOf = ({ kind: { hint = "" } }: Flag): string => samples[hint] ?? hint.split("|").at(-1) ?? "";

/** Of no kind but a free text. */
const wrong = "| no such\nthing";

/** Only an empty one is wrong: whoever adds a flag here says that any text will do. */
const freeTexts: ReadonlySet<string> = new Set([
  ...["session", "allow-route-regexp", "statsd", "statsd-prefix"],
  ...["out", "server-name"],
]);

interface OneFlag {
  readonly flags: FlagTable;
  readonly key: string;
  readonly flag: Flag;
}

/** What comes of the arguments and variables for one flag, whatever else its command needs: its value, or what is wrong. */
function outcome({ key, flag }: OneFlag, argv: readonly string[], env: FlagSource["env"] = {}): readonly unknown[] {
  const parsed = parseFlags<FlagTable>({ [key]: flag }, { argv, env, fileProblem: () => undefined });
  return parsed.kind === "values" ? ["value", parsed.values[key]] : Object.values(parsed);
}

/** What the whole program says. */
async function refusal(argv: readonly string[], env: FlagSource["env"] = {}) {
  const io = createFakeCommandIo(env);
  const exitCode = await dispatch(argv, io);
  expect({ exitCode, stdout: io.written.stdout, timers: io.clock.timers }).toEqual({
    exitCode: 2,
    stdout: "",
    timers: 0,
  });
  expect(io.written.stderr).toMatch(/^kiam [a-z]+: [^\n]+\n$/);
  return io.written.stderr.trimEnd().replace(/^kiam [a-z]+: /, "");
}

describe.each(having(({ kind }) => kind.hint !== undefined))("%s", (_, one) => {
  const { flag } = one;
  const sample = sampleOf(flag);
  const value = outcome(one, [`--${flag.name}=${sample}`]);

  test("takes a value after a space, after an equals sign and from each variable, by each of its names", () => {
    const ways = [
      ...spellings(flag).map((spelling) => outcome(one, [spelling, sample])),
      ...spellings(flag).map((spelling) => outcome(one, [`${spelling}=${sample}`])),
      ...variablesOf(flag).map((variable) => outcome(one, [], { [variable]: sample })),
    ];

    expect(value[0]).toBe("value");
    expect(value).not.toEqual(outcome(one, []));
    for (const way of ways) {
      expect(way).toEqual(value);
    }
  });

  test("needs one, which the next flag is not", () => {
    const found = outcome(one, [`--${flag.name}`, "--json-log"]);

    const isBare = flag.kind.alone !== undefined;
    expect(found[1]).toBe(isBare ? 'unknown flag "--json-log"' : `--${flag.name} needs a value: ${flag.kind.form}`);
  });
});

describe.each(having(({ kind }) => kind.hint === undefined))("%s", (_, one) => {
  const { name } = one.flag;
  const [variable = ""] = variablesOf(one.flag);

  test("stands alone, is negated, or says true or false, in the environment too", () => {
    const on = [
      outcome(one, [`--${name}`]),
      outcome(one, [`--${name}=true`]),
      outcome(one, [], { [variable]: "true" }),
    ];
    const off = [[`--no-${name}`], [`--${name}=false`]].map((argv) => outcome(one, argv));
    const inEnvironment = outcome(one, [], { [variable]: "false" });

    expect(on).toEqual(Array(3).fill(["value", true]));
    expect([...off, inEnvironment]).toEqual(Array(3).fill(["value", false]));
  });
});

describe.each(having(({ name }) => !freeTexts.has(name)))("%s with a value of another kind", (_, { command, flag }) => {
  const { kind, name } = flag;

  test("is refused in one line", async () => {
    const found = await refusal([command, `--${name}=${wrong}`]);

    expect(found).toBe(
      kind.isFile === true
        ? `--${name} names ${JSON.stringify(wrong)}, which does not exist`
        : `--${name} must be ${kind.form}, not ${JSON.stringify(wrong)}`,
    );
  });

  test("is refused from each variable, by the variable's name", async () => {
    for (const variable of variablesOf(flag)) {
      expect(await refusal([command], { [variable]: wrong })).toStartWith(`${variable} `);
    }
  });
});

test.each(having(({ kind }) => kind.isFile === true))("%s has to name a file", async (_, { command, flag }) => {
  const missing = await refusal([command, `--${flag.name}=/nowhere/at-all`]);
  const directory = await refusal([command, `--${flag.name}`, import.meta.dir]);

  expect(missing).toBe(`--${flag.name} names "/nowhere/at-all", which does not exist`);
  expect(directory).toBe(`--${flag.name} names ${JSON.stringify(import.meta.dir)}, which is a directory`);
});

test.each(having(({ repeatable }) => repeatable !== true))("%s is given once", async (_, { command, flag }) => {
  const argument = flag.kind.hint === undefined ? `--${flag.name}` : `--${flag.name}=${sampleOf(flag)}`;

  for (const spelling of spellings(flag)) {
    const again = flag.kind.hint === undefined ? spelling : `${spelling}=${sampleOf(flag)}`;
    expect(await refusal([command, argument, again])).toBe(`--${flag.name} is given twice`);
  }
});

test.each(having(() => true))("%s is what is meant where two of its letters change places", async (_, one) => {
  for (const spelling of spellings(one.flag).filter((each) => each.length > 5)) {
    const middle = Math.ceil(spelling.length / 2);
    const [a = "", b = ""] = spelling.slice(middle - 1, middle + 1);
    const typo = `${spelling.slice(0, middle - 1)}${b}${a}${spelling.slice(middle + 1)}`;

    const found = a === b ? undefined : await refusal([one.command, typo]);

    expect(found ?? spelling).toEndWith(a === b ? spelling : `unknown flag "${typo}", did you mean ${spelling}?`);
  }
});

test.each(having(() => true))("%s takes no Kubernetes service link from the environment", (_, one) => {
  for (const variable of variablesOf(one.flag)) {
    for (const link of ["tcp://10.0.0.1:443", "udp://10.0.0.1:53"]) {
      expect(outcome(one, [], { [variable]: link })).toEqual(outcome(one, []));
    }
  }
});

test.each([...commands])("kiam %s knows no flag that is not its own", async (command) => {
  const found = await refusal([command, "--status-listen-addr=localhost:1"]);

  expect(found).toContain("--status-listen-addr");
});
