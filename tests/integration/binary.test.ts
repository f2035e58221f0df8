import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { buildKiam } from "./compiled-kiam.ts";

const root = resolve(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "kiam-binary-"));
const kiam = join(folder, "kiam");

interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs with nothing of this process's environment, so that a test names all that could matter. */
function run(argv: readonly string[], env: Record<string, string> = {}, cwd = folder): Outcome {
  const { exitCode, stdout, stderr } = Bun.spawnSync([kiam, ...argv], { env, cwd, stdin: "ignore" });
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

let head = "";

beforeAll(() => {
  head = Bun.spawnSync(["git", "rev-parse", "HEAD"], { cwd: root }).stdout.toString().trim();
  expect(buildKiam(kiam)).toBe(0);
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true }));

describe("what it is", () => {
  test("the version names package, commit and Bun", () => {
    const { exitCode, stdout, stderr } = run(["version"]);

    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toMatch(
      new RegExp(`^kiam ${manifest.version} \\(commit ${head || "unknown"}(-dirty)?, Bun ${Bun.version}\\)\\n$`),
    );
  });

  test("where git can't tell, the commit is unknown", () => {
    const other = join(folder, "elsewhere/kiam");

    const built = buildKiam(other, { GIT_DIR: join(folder, "no-repository") });
    const { stdout } = Bun.spawnSync([other, "--version"], { env: {} });

    expect(built).toBe(0);
    expect(stdout.toString()).toContain("(commit unknown, ");
    expect([...new Bun.Glob("**").scanSync({ cwd: join(folder, "elsewhere"), dot: true })]).toEqual(["kiam"]);
  }, 60_000);

  test("help lists the commands, and each command's flags with their defaults", () => {
    const all = run(["--help"]);
    const agent = run(["agent", "--help"]);

    expect([all.exitCode, all.stderr, agent.exitCode, agent.stderr]).toEqual([0, "", 0, ""]);
    expect(all.stdout).toMatch(/^ {2}server {2,}Watch/m);
    expect(agent.stdout).toContain("[default: localhost:9610]");
  });
});

test("help is there within 60 ms", () => {
  const timesMs = Array.from({ length: 10 }, () => {
    const startMs = performance.now();
    run(["--help"]);
    return performance.now() - startMs;
  });

  // The best of several: how long the rest take says what else the machine does.
  expect(Math.min(...timesMs)).toBeLessThan(60);
});

describe("what it refuses, in one line and before it does anything", () => {
  test.each([
    [["agnet"], 'kiam: unknown command "agnet", did you mean agent?'],
    [["agent", "--hots=10.0.0.1"], 'kiam agent: unknown flag "--hots", did you mean --host?'],
    [["agent", "--iptables", "--port=0"], '--port must be a port from 1 to 65535, not "0"'],
    [["server", "--cert=/nowhere"], 'kiam server: --cert names "/nowhere", which does not exist'],
    [["health"], "kiam health: --cert, --key and --ca are required"],
    [["certs", "--ca-key", "kiam"], "kiam certs: say where to"],
    [["dev", "-f", "missing.yaml"], 'kiam dev: -f names "missing.yaml", which does not exist'],
  ])("%j", (argv, expected) => {
    const { exitCode, stdout, stderr } = run(argv);

    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toContain(expected);
    expect(stderr).toMatch(/^[^\n]+\n$/);
  });

  test("a variable that contradicts itself", () => {
    const { exitCode, stderr } = run(["health"], { KIAM_TIMEOUT: "soon" });

    expect([exitCode, stderr]).toEqual([2, expect.stringContaining("KIAM_TIMEOUT must be a duration")]);
  });

  test.each(["BUN_OPTIONS", "BUN_INSPECT"])("%s, which would open the process to others", (name) => {
    const { exitCode, stdout, stderr } = run(["version"], {
      [name]: name === "BUN_OPTIONS" ? "--smol" : "127.0.0.1:0",
    });

    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toContain(`kiam: ${name} is set`);
  });
});

describe("what it doesn't read", () => {
  const hostile = mkdtempSync(join(tmpdir(), "kiam-hostile-"));
  const trace = join(hostile, "trace");
  writeFileSync(join(hostile, "preload.ts"), `require("node:fs").writeFileSync(${JSON.stringify(trace)}, "ran");\n`);
  writeFileSync(join(hostile, "bunfig.toml"), 'preload = ["./preload.ts"]\n');
  for (const name of [".env", ".env.local", ".env.production"]) {
    writeFileSync(join(hostile, name), "KIAM_LEVEL=nonsense\n");
  }
  afterAll(() => rmSync(hostile, { recursive: true }));

  test("an .env or a bunfig.toml of the directory that it is started in", () => {
    const { exitCode, stdout, stderr } = run(["version"], { HOME: hostile, XDG_CONFIG_HOME: hostile }, hostile);

    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toStartWith("kiam ");
    expect(existsSync(trace)).toBe(false);
  });

  test("which Bun itself, started there, does read", () => {
    const script = join(root, "src/main.ts");

    const { exitCode, stderr } = Bun.spawnSync([process.execPath, script, "version"], { env: {}, cwd: hostile });

    expect([exitCode, existsSync(trace)]).toEqual([2, true]);
    expect(stderr.toString()).toContain("KIAM_LEVEL must be");
  });
});

test("a reader that leaves early doesn't hold it up", async () => {
  const child = Bun.spawn(["sh", "-c", `"${kiam}" agent --help | head -c 1`], { env: {}, stdout: "pipe" });

  const [text, exitCode] = await Promise.all([child.stdout.text(), child.exited]);

  expect([text, exitCode]).toEqual(["A", 0]);
});
