import { expect, test } from "bun:test";
import { cutConnections, requireConntrack } from "../../../../src/agent/intercept/conntrack.ts";
import { ipv4 } from "../../../../src/agent/intercept/family.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { createFakeIptables } from "../../../fakes/iptables.ts";

test.each([
  ["nothing to cut, which is exit 1", 1, "conntrack v1.4.7 (conntrack-tools): 0 flow entries have been deleted.\n", 0],
  ["two connections", 0, "conntrack v1.4.7 (conntrack-tools): 2 flow entries have been deleted.\n", 2],
])("%s", async (_, exitCode, stderr, expected) => {
  const { run } = createFakeIptables({ failing: { "conntrack -D": { exitCode, stderr } } });

  expect(await cutConnections(ipv4, run, neverAborted())).toBe(expected);
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
