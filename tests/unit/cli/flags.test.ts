import { describe, expect, test } from "bun:test";
import { boolean, count, durationMs, file, port, text } from "../../../src/cli/flag-kind.ts";
import type { FlagTable } from "../../../src/cli/flag-table.ts";
import { type FlagSource, parseFlags } from "../../../src/cli/flags.ts";
import { iptables } from "../../../src/cli/kiam-kinds.ts";

const table = {
  certPath: { group: "Logging", name: "cert", kind: file, description: "" },
  timeoutMs: { group: "Logging", name: "timeout", kind: durationMs, default: "1s", description: "" },
  port: { group: "Logging", name: "port", kind: port, default: "3100", description: "" },
  host: { group: "Logging", name: "host", kind: text, variables: ["HOST_IP"], description: "" },
  iptables: { group: "Logging", name: "iptables", kind: iptables, default: "false", description: "" },
  remove: { group: "Logging", name: "iptables-remove", kind: boolean, default: "true", description: "" },
  region: { group: "Logging", name: "region", aliases: ["sts-region"], kind: text, description: "" },
  files: { group: "Logging", name: "file", short: "f", kind: file, repeatable: true, description: "" },
} as const satisfies FlagTable;

const required = {
  cert: { group: "Logging", name: "cert", kind: file, required: true, description: "" },
  key: { group: "Logging", name: "key", kind: file, required: true, description: "" },
  names: { group: "Logging", name: "name", kind: text, required: true, repeatable: true, description: "" },
} as const satisfies FlagTable;

function parse(argv: readonly string[], more: Partial<FlagSource> = {}) {
  return parseFlags(table, { argv, env: {}, fileProblem: () => undefined, ...more });
}

function values(argv: readonly string[], env: FlagSource["env"] = {}) {
  const parsed = parse(argv, { env });
  if (parsed.kind !== "values") {
    throw new Error(JSON.stringify(parsed));
  }
  return parsed.values;
}

function problem(argv: readonly string[], env: FlagSource["env"] = {}) {
  const parsed = parse(argv, { env });
  return parsed.kind === "problem" ? parsed.problem : parsed.kind;
}

describe("on the command line", () => {
  test("what is not given has its default, or nothing", () => {
    const parsed = values([]);

    expect(parsed).toEqual({
      certPath: undefined,
      timeoutMs: 1_000,
      port: 3100,
      host: undefined,
      iptables: { kind: "off" },
      remove: true,
      region: undefined,
      files: [],
      warnings: [],
    });
  });

  test("a value comes after a space or an equals sign, and may hold equals signs and dashes", () => {
    const parsed = values(["--host", "a=b", "--region=-x=y", "--port=80", "--timeout", "2m"]);

    expect(parsed).toMatchObject({ host: "a=b", region: "-x=y", port: 80, timeoutMs: 120_000 });
  });

  test("a forgotten value doesn't swallow the next flag", () => {
    const found = problem(["--host", "--port", "80"]);

    expect(found).toBe("--host needs a value: a text");
  });

  test.each([
    [[], "off"],
    [["--iptables"], "on"],
    [["--iptables", "--host=10.0.0.1"], "on"],
    [["--iptables=true"], "on"],
    [["--iptables", "false"], "off"],
    [["--no-iptables"], "off"],
    [["--iptables", "cali+"], "on-interface"],
    [["--iptables=!eth0"], "on-interface"],
  ])("%j: the redirect is %s", (argv, expected) => {
    const parsed = values(argv);

    expect(parsed.iptables.kind).toBe(expected as typeof parsed.iptables.kind);
  });

  test("a boolean stands alone, is negated, or has a value after an equals sign only", () => {
    const parsed = [["--iptables-remove"], ["--no-iptables-remove"], ["--iptables-remove=false"]].map(
      (argv) => values(argv).remove,
    );
    const found = problem(["--iptables-remove", "false"]);

    expect(parsed).toEqual([true, false, false]);
    expect(found).toBe('unexpected argument "false"');
  });

  test("an alias is the same flag", () => {
    const parsed = values(["--sts-region", "eu-west-1"]);
    const twice = problem(["--sts-region=a", "--region=b"]);

    expect(parsed.region).toBe("eu-west-1");
    expect(twice).toBe("--region is given twice");
  });

  test("a repeatable flag collects its values in order, by letter too", () => {
    const parsed = values(["-f", "a.yaml", "--file=b.yaml", "-fhc.yaml", "-f=d.yaml"]);

    expect(parsed.files).toEqual(["a.yaml", "b.yaml", "hc.yaml", "d.yaml"]);
  });

  test("an empty text leaves out a flag that may be left out", () => {
    const parsed = values(["--region=", "--host", ""], { HOST_IP: "10.0.0.1" });

    expect(parsed).toMatchObject({ region: undefined, host: undefined });
  });

  test.each([
    [["--hots", "x"], 'unknown flag "--hots", did you mean --host?'],
    [["--no-iptable-remove"], 'unknown flag "--no-iptable-remove", did you mean --no-iptables-remove?'],
    [["--no-host"], 'unknown flag "--no-host", did you mean --host?'],
    [["--something-else=1"], 'unknown flag "--something-else"'],
    [["--__proto__=1"], 'unknown flag "--__proto__"'],
    [["-xyz"], 'unknown flag "-xyz"'],
    [["--port=99999"], '--port must be a port from 1 to 65535, not "99999"'],
    [["--port", ""], '--port must be a port from 1 to 65535, not ""'],
    [["--timeout=5"], '--timeout must be a duration such as "90s", "15m" or "1h30m", not "5"'],
    [["--timeout", "5\nx"], '--timeout must be a duration such as "90s", "15m" or "1h30m", not "5\\nx"'],
    [
      ["--iptables=a b"],
      '--iptables must be true, false, or an interface such as "eth0", "cali+" or "!eth0", not "a b"',
    ],
    [["--no-iptables-remove=1"], "--no-iptables-remove takes no value"],
    [["--port", "1", "--port", "2"], "--port is given twice"],
    [["--iptables-remove", "--no-iptables-remove"], "--iptables-remove is given twice"],
    [["--host"], "--host needs a value: a text"],
    [["--", "--port=1"], 'unexpected argument "--"'],
    [["extra"], 'unexpected argument "extra"'],
    [["--port", "1", "2"], 'unexpected argument "2"'],
  ])("%j is refused in one line", (argv, expected) => {
    const found = problem(argv);

    expect(found).toBe(expected);
  });

  test("help is given whatever else is wrong, but not for a value or after the end of flags", () => {
    const kinds = [["--nope", "--help"], ["-h"], ["--host", "-h"], ["--host=--help"], ["-fh"], ["--", "--help"]].map(
      (argv) => parse(argv).kind,
    );

    expect(kinds).toEqual(["help", "help", "help", "values", "values", "problem"]);
  });
});

describe("in the environment", () => {
  test("each flag reads its own variable, each alias too, and the command line comes first", () => {
    const parsed = values(["--port=80"], {
      KIAM_PORT: "nonsense",
      KIAM_TIMEOUT: "3s",
      KIAM_IPTABLES_REMOVE: "false",
      KIAM_STS_REGION: "eu-west-1",
      KIAM_FILE: "a,b",
    });

    expect(parsed).toMatchObject({ port: 80, timeoutMs: 3_000, remove: false, region: "eu-west-1", files: ["a", "b"] });
  });

  test("a flag's own variable comes before the general one", () => {
    const parsed = [{ HOST_IP: "a" }, { HOST_IP: "a", KIAM_HOST: "b" }, { HOST_IP: "a", KIAM_HOST: "" }].map(
      (env) => values([], env).host,
    );

    expect(parsed).toEqual(["a", "b", "a"]);
  });

  test.each(["tcp://10.0.0.1:443", "udp://10.0.0.1:53"])("the service link %s is nobody's flag", (link) => {
    const parsed = values([], { KIAM_PORT: link });

    expect(parsed.port).toBe(3100);
  });

  test("the redirect is true, false or an interface", () => {
    const kinds = ["true", "false", "cali+"].map((text) => values([], { KIAM_IPTABLES: text }).iptables.kind);

    expect(kinds).toEqual(["on", "off", "on-interface"]);
  });

  test("a malformed value is refused by the variable's name", () => {
    const found = problem([], { KIAM_IPTABLES_REMOVE: "yes" });

    expect(found).toBe('KIAM_IPTABLES_REMOVE must be true or false, not "yes"');
  });
});

describe("files", () => {
  test("one that can't be read is refused with the reason", () => {
    const parsed = parse(["--cert=/a", "-f", "/b"], {
      fileProblem: (path) => (path === "/b" ? "does not exist" : undefined),
    });

    expect(parsed).toEqual({ kind: "problem", problem: '-f names "/b", which does not exist' });
  });

  test("one named by a variable is looked for too", () => {
    const parsed = parse([], { env: { KIAM_CERT: "/a" }, fileProblem: () => "is a directory" });

    expect(parsed).toEqual({ kind: "problem", problem: 'KIAM_CERT names "/a", which is a directory' });
  });
});

describe("what is required", () => {
  const source: FlagSource = { argv: [], env: {}, fileProblem: () => undefined };

  test.each([
    [[], "--cert, --key and --name are required"],
    [["--cert=a", "--key=b"], "--name is required"],
    [["--cert=", "--key=b", "--name=c"], '--cert must be the path of a file, not ""'],
  ])("%j is not enough", (argv, expected) => {
    const parsed = parseFlags(required, { ...source, argv });

    expect(parsed).toEqual({ kind: "problem", problem: expected });
  });

  test("the environment is enough", () => {
    const parsed = parseFlags(required, { ...source, env: { KIAM_CERT: "a", KIAM_KEY: "b", KIAM_NAME: "c" } });

    expect(parsed).toEqual({ kind: "values", values: { cert: "a", key: "b", names: ["c"], warnings: [] } });
  });
});

describe("a flag that does nothing", () => {
  const old = {
    interval: {
      group: "Compatibility",
      name: "interval",
      kind: durationMs,
      default: "5s",
      description: "",
      obsolete: "nobody waits",
    },
  } as const satisfies FlagTable;
  const parseOld = (argv: readonly string[], env = {}) => parseFlags(old, { argv, env, fileProblem: () => undefined });

  test.each([
    [["--interval=5s"], {}],
    [["--interval", "1m"], {}],
    [[], { KIAM_INTERVAL: "5s" }],
  ])("is warned of where it is given: %j %j", (argv, env) => {
    const parsed = parseOld(argv, env);

    expect(parsed).toMatchObject({ values: { warnings: ["--interval does nothing: nobody waits"] } });
  });

  test("is not spoken of where it is not given", () => {
    const parsed = parseOld([]);

    expect(parsed).toMatchObject({ values: { interval: 5_000, warnings: [] } });
  });

  test("has to be well formed all the same", () => {
    const parsed = parseOld(["--interval=soon"]);

    expect(parsed.kind).toBe("problem");
  });
});

test("a default that is not of its own kind is a mistake in the table", () => {
  const broken = {
    n: { group: "Logging", name: "n", kind: count(3), default: "4", description: "" },
  } as const satisfies FlagTable;

  const parsing = () => parseFlags(broken, { argv: [], env: {}, fileProblem: () => undefined });

  expect(parsing).toThrow("the default of --n is not a whole number from 1 to 3");
});
