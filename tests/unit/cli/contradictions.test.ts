import { expect, test } from "bun:test";
import { commands } from "../../../src/cli/commands.ts";
import { dispatch } from "../../../src/cli/dispatch.ts";
import { createFakeCommandIo } from "../../fakes/command-io.ts";

// Each flag is well formed by itself. What they come to is refused before anything is loaded, opened or changed: a file that
// is no certificate is not even looked into.

const file = import.meta.path;
const keys = [`--cert=${file}`, `--key=${file}`, `--ca=${file}`];
const base = "--role-base-arn=arn:aws:iam::123456789012:role/";
const needsHost = "--iptables needs --host (or HOST_IP), the address that requests are redirected to";
const sessionRange = "--session-duration must be from 15m to 12h";
const refreshFirst = "--session-refresh must be shorter than --session-duration";
const needsBase = "--role-base-arn or --role-base-arn-autodetect is required";
const together = "--ca-cert and --ca-key go together";

test.each([
  ["agent", ["--iptables"], {}, needsHost],
  ["agent", ["--iptables", "cali+"], {}, needsHost],
  ["agent", ["--iptables", "--host="], { HOST_IP: "10.0.0.1" }, needsHost],
  ["agent", [], { KIAM_IPTABLES: "true" }, needsHost],
  ["agent", [], { KIAM_IPTABLES: "cali+" }, needsHost],
  [
    "agent",
    ["--allow-route-regexp=a)|(b"],
    {},
    "--allow-route-regexp must be an RE2 pattern: error parsing regexp: unexpected ): `a)|(b`",
  ],
  ["server", [], {}, needsBase],
  ["server", ["--role-base-arn="], {}, needsBase],
  ["server", ["--no-role-base-arn-autodetect"], {}, needsBase],
  ["server", [base, "--session-duration=14m59s"], {}, sessionRange],
  ["server", [base, "--session-duration=12h1s"], {}, sessionRange],
  ["server", [base, "--session-refresh=60m"], {}, refreshFirst],
  ["server", [base, "--session-duration=15m", "--session-refresh=15m"], {}, refreshFirst],
  ["server", [base], { KIAM_SESSION_REFRESH: "2h" }, refreshFirst],
  ["certs", [], {}, "say where to: --out for a directory of PEM files, or --secrets for manifests on standard output"],
  ["certs", ["--secrets", `--ca-cert=${file}`], {}, together],
  ["certs", ["--secrets", `--ca-key=${file}`], {}, together],
] as const)("kiam %s %j %j is refused", async (command, argv, env, expected) => {
  const io = createFakeCommandIo(env);

  const exitCode = await dispatch([command, ...(command === "certs" ? [] : keys), ...argv], io);

  expect(exitCode).toBe(2);
  expect(io.written).toEqual({ stdout: "", stderr: `kiam ${command}: ${expected}\n` });
});

test("where the base is to be found out, none need be given", async () => {
  const io = createFakeCommandIo();

  await dispatch(["server", ...keys, "--role-base-arn-autodetect"], io);

  // As far as the next thing that is wrong here.
  expect(io.written.stderr).not.toContain("--role-base-arn");
  expect(io.written.stderr).toMatch(/^kiam server: [^\n]+\n$/);
});

test.each(["agent", "server", "health"])("kiam %s warns once of each flag that does nothing", async (command) => {
  const obsolete = Object.values(commands.get(command)?.flags ?? {}).filter((flag) => flag.obsolete !== undefined);
  const given = obsolete.map((flag) => `--${flag.name}=${flag.default ?? (flag.kind.parse("1") ? "1" : "a:1")}`);
  const io = createFakeCommandIo();

  await dispatch([command, ...keys, ...(command === "server" ? [base] : []), "--json-log", ...given], io);

  const lines = io.written.stderr.split("\n").filter((line) => line.startsWith("{"));
  const warned = lines.map((line) => JSON.parse(line)).filter(({ level }) => level === "warning");
  expect(warned.map(({ msg }) => msg)).toEqual(obsolete.map((flag) => `--${flag.name} does nothing: ${flag.obsolete}`));
  expect(obsolete.length).toBeGreaterThan(2);
});
