import { expect, test } from "bun:test";
import { cutConnections, requireConntrack } from "../../../../src/agent/intercept/conntrack.ts";
import { ipv4 } from "../../../../src/agent/intercept/family.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import type { RunCommand } from "../../../../src/runtime/command.ts";
import { createFakeIptables } from "../../../fakes/iptables.ts";

const deleted = (count: number) => ({
  exitCode: count === 0 ? 1 : 0,
  stdout: "",
  stderr: `conntrack v1.4.7 (conntrack-tools): ${count} flow entries have been deleted.\n`,
});

/** A conntrack that finds, pass by pass, so many connections begun by pods and so many taken for the service's own. */
function passes(...found: readonly (readonly [to: number, from: number])[]) {
  const to = found.map(([count]) => count);
  const from = found.map(([, count]) => count);
  const commands: string[] = [];
  const run: RunCommand = async (argv) => {
    commands.push(argv.join(" "));
    return deleted((argv.includes("-d") ? to : from).shift() ?? 0);
  };
  return { run, commands };
}

test("where there is nothing to cut, one look in each direction is enough, and exit 1 is no failure", async () => {
  const { run, commands } = passes();

  expect(await cutConnections(ipv4, run, neverAborted())).toBe(0);
  expect(commands).toEqual([
    "conntrack -D -p tcp -d 169.254.169.254 --orig-port-dst 80 -r 169.254.169.254",
    "conntrack -D -p tcp -s 169.254.169.254 --orig-port-src 80",
  ]);
});

test("a connection that an answer brought back the other way round is cut, too", async () => {
  const { run, commands } = passes([2, 0], [0, 1], [0, 0]);

  expect(await cutConnections(ipv4, run, neverAborted())).toBe(3);
  expect(commands).toHaveLength(6);
});

test("the node's own, which come back each time, do not keep it for ever", async () => {
  const { run, commands } = passes(...Array.from({ length: 100 }, () => [1, 0] as const));

  await cutConnections(ipv4, run, neverAborted());

  expect(commands).toHaveLength(20);
});

test("any other exit 1 is an error that says what was run and what came of it", async () => {
  const stderr =
    "conntrack v1.4.7 (conntrack-tools): Operation failed: sorry, you must be root or get CAP_NET_ADMIN capability to do this\n";
  const { run } = createFakeIptables({ failing: { "conntrack -D": { exitCode: 1, stderr } } });

  await expect(cutConnections(ipv4, run, neverAborted())).rejects.toThrow(
    /^conntrack -D -p tcp -d 169\.254\.169\.254 --orig-port-dst 80 -r 169\.254\.169\.254: .*CAP_NET_ADMIN.* \(exit 1\)$/,
  );
});

test("a missing program is told by name", async () => {
  const { run } = createFakeIptables({ missing: ["conntrack"] });

  await expect(requireConntrack(run, neverAborted())).rejects.toThrow("conntrack is not installed, or not in PATH");
});
