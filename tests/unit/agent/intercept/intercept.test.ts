import { expect, test } from "bun:test";
import { type Interception, interceptCalls } from "../../../../src/agent/intercept/intercept.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { createFakeClock } from "../../../fakes/clock.ts";
import { createFakeIptables, type FakeIptables, type Node } from "../../../fakes/iptables.ts";
import { createRecordingLogger } from "../../../fakes/recording-logger.ts";
import { address, pattern } from "./patterns.ts";

interface Intercepted {
  readonly fake: FakeIptables;
  readonly logger: ReturnType<typeof createRecordingLogger>;
  readonly interception: Promise<Interception>;
}

function intercept(hosts: readonly string[], node: Node = { hasIpv6: true }): Intercepted {
  const fake = createFakeIptables(node);
  const logger = createRecordingLogger();
  const interception = interceptCalls(
    { pods: pattern("cali+"), hosts: hosts.map(address), port: 3100, atExit: "remove" },
    { run: fake.run, readText: fake.readText, clock: createFakeClock(), logger },
    neverAborted(),
  );
  return { fake, logger, interception };
}

/** What the own chains hold, by the program and the table. */
function fates({ tables }: FakeIptables): readonly string[] {
  return (["iptables", "ip6tables"] as const).flatMap((program) =>
    (["nat", "filter"] as const).flatMap((table) =>
      (tables[program].nft[table].get("KIAM-METADATA") ?? []).map((rule) => `${program} ${table} ${rule}`),
    ),
  );
}

const [dnat4, dnat6] = [
  "iptables nat -p tcp -j DNAT --to-destination 10.0.0.1:3100",
  "ip6tables nat -p tcp -j DNAT --to-destination [fd00::1]:3100",
];
const reset = "-p tcp -j REJECT --reject-with tcp-reset";

test.each([
  [
    ["10.0.0.1", "fd00::1"],
    [dnat4, dnat6],
  ],
  [
    ["fd00::1", "10.0.0.1"],
    [dnat4, dnat6],
  ],
  [["10.0.0.1"], [dnat4, `ip6tables filter ${reset}`]],
  [["fd00::1"], [`iptables filter ${reset}`, dnat6]],
])("by --host %p each version of IP is redirected or rejected, until it is undone", async (hosts, expected) => {
  const { fake, interception } = intercept(hosts);

  await using intercepted = await interception;
  const meanwhile = fates(fake);
  await intercepted[Symbol.asyncDispose]();

  expect(meanwhile).toEqual(expected);
  expect(fates(fake)).toEqual([]);
});

test("where the kernel has no IPv6, its programs are not asked for", async () => {
  const { fake, interception } = intercept(["10.0.0.1"], { missing: ["ip6tables-nft", "ip6tables-legacy"] });

  await interception;

  expect(fates(fake)).toEqual([dnat4]);
});

test("where it has, a missing program is an error, and nothing is left behind", async () => {
  const { fake, interception } = intercept(["10.0.0.1"], { hasIpv6: true, missing: ["ip6tables-nft"] });

  await expect(interception).rejects.toThrow("ip6tables-nft is not installed");

  expect(fates(fake)).toEqual([]);
});

test("what becomes of the calls is told for each version of IP", async () => {
  const { logger, interception } = intercept(["10.0.0.1"], { hasIpv6: true, interfaces: ["cali1"] });

  await interception;

  expect(logger.lines.map(({ message }) => message)).toEqual([
    "calls to 169.254.169.254 from cali+ lead to 10.0.0.1:3100",
    "calls to fd00:ec2::254 from cali+ are rejected: --host has no IPv6 address",
  ]);
});

test("an interface that is not there yet is warned of once", async () => {
  const { logger, interception } = intercept(["10.0.0.1"], { hasIpv6: true, interfaces: ["lo", "eth0"] });

  await interception;

  const warnings = logger.lines.filter(({ level }) => level === "warn");
  expect(warnings).toHaveLength(1);
  expect(warnings[0]?.message).toStartWith("no interface cali+ here yet");
});
