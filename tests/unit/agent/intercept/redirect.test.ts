import { expect, test } from "bun:test";
import { ipv4 } from "../../../../src/agent/intercept/family.ts";
import { installRedirect, type RedirectOptions } from "../../../../src/agent/intercept/redirect.ts";
import { parseIpAddress } from "../../../../src/domain/ip-address.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { createFakeClock } from "../../../fakes/clock.ts";
import { createFakeIptables, type FakeIptables } from "../../../fakes/iptables.ts";
import { createRecordingLogger } from "../../../fakes/recording-logger.ts";
import { pattern } from "./patterns.ts";

const jump = "-d 169.254.169.254/32 -i cali+ -p tcp -m tcp --dport 80 -j KIAM-METADATA";
const dnat = "-p tcp -j DNAT --to-destination 10.0.0.1:3100";
const goRelease = "-d 169.254.169.254/32 -i docker0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.1:8181";
const theirs = "-d 10.96.0.1/32 -j KUBE-SVC";

function install(fake: FakeIptables, options: Partial<RedirectOptions> = {}, logger = createRecordingLogger()) {
  const host = parseIpAddress("10.0.0.1");
  if (host === undefined) {
    throw new Error("not an address");
  }
  return installRedirect(
    { family: ipv4, pods: pattern("cali+"), host, port: 3100, atExit: "remove", ...options },
    { run: fake.run, readText: fake.readText, clock: createFakeClock(), logger },
    neverAborted(),
  );
}

test("the jump comes first, before others' rules, and goes again at the end", async () => {
  const fake = createFakeIptables({ prerouting: { nft: [theirs] } });

  const redirect = await install(fake);
  expect(fake.nat.nft.get("PREROUTING")).toEqual([jump, theirs]);
  expect(fake.nat.nft.get("KIAM-METADATA")).toEqual([dnat]);
  await redirect[Symbol.asyncDispose]();

  expect([...fake.nat.nft]).toEqual([["PREROUTING", [theirs]]]);
});

test("a start costs six processes, a look two", async () => {
  const fake = createFakeIptables();

  const redirect = await install(fake);
  const atStart = [...fake.commands];
  await redirect.check(neverAborted());

  expect(atStart).toEqual([
    "conntrack --version",
    "iptables-nft --wait 10 -t mangle -S",
    "iptables-nft --wait 10 -t nat -S PREROUTING",
    "iptables-nft-restore --noflush --wait 10",
    "conntrack -D -p tcp -d 169.254.169.254 --orig-port-dst 80 -r 169.254.169.254",
    "conntrack -D -p tcp -s 169.254.169.254 --orig-port-src 80",
  ]);
  expect(fake.commands).toHaveLength(8);
});

test("left-overs in both back ends are replaced, and told of", async () => {
  const logger = createRecordingLogger();
  const fake = createFakeIptables({
    legacyTables: ["nat"],
    prerouting: { nft: [theirs, jump, goRelease], legacy: [goRelease] },
  });

  await install(fake, {}, logger);

  expect(fake.nat.nft.get("PREROUTING")).toEqual([jump, theirs]);
  expect(fake.nat.legacy.get("PREROUTING")).toEqual([]);
  expect(logger.lines.map(({ message }) => message)).toContain(
    `taking the place of the legacy rule PREROUTING ${goRelease}`,
  );
});

test("a left-over that goes away between look and commit does not fail the start", async () => {
  const fake = createFakeIptables({ prerouting: { nft: [goRelease] } });
  let looked = false;
  const run: FakeIptables["run"] = async (argv, options, signal) => {
    const result = await fake.run(argv, options, signal);
    if (argv.includes("PREROUTING") && !looked) {
      looked = true;
      fake.nat.nft.set("PREROUTING", []);
    }
    return result;
  };

  await install({ ...fake, run });

  expect(fake.nat.nft.get("PREROUTING")).toEqual([jump]);
});

test("a look tells whether it is in force, gone or overtaken", async () => {
  const fake = createFakeIptables();
  const redirect = await install(fake);
  const look = () => redirect.check(neverAborted());

  expect(await look()).toEqual({ kind: "in-force", packets: 7 });
  fake.nat.nft.set("PREROUTING", ["-m comment --comment cali -j cali-PREROUTING", jump]);
  expect(await look()).toEqual({ kind: "in-force", packets: 7 });
  fake.nat.nft.set("PREROUTING", ["-p tcp -j ACCEPT", jump]);
  expect(await look()).toEqual({ kind: "shadowed", by: "PREROUTING -p tcp -j ACCEPT" });
  fake.nat.nft.set("PREROUTING", [jump]);
  fake.nat.nft.set("KIAM-METADATA", []);
  expect(await look()).toEqual({ kind: "missing" });
  fake.nat.nft.delete("KIAM-METADATA");
  expect(await look()).toEqual({ kind: "missing" });
});

test("a repair puts it first again, in the back end that is in use by then", async () => {
  const node = { legacyTables: [] as string[], mangle: {} as { legacy?: string } };
  const fake = createFakeIptables(node);
  const redirect = await install(fake);
  node.legacyTables = ["mangle", "nat"];
  node.mangle.legacy = "-N KUBE-IPTABLES-HINT\n";

  await redirect.repair(neverAborted());

  expect(fake.nat.legacy.get("PREROUTING")).toEqual([jump]);
  expect(fake.nat.nft.get("PREROUTING")).toEqual([]);
  expect(await redirect.check(neverAborted())).toEqual({ kind: "in-force", packets: 7 });
});

test("one that is to be kept is not touched at the end", async () => {
  const fake = createFakeIptables();
  const redirect = await install(fake, { atExit: "keep" });

  await redirect[Symbol.asyncDispose]();

  expect(fake.nat.nft.get("PREROUTING")).toEqual([jump]);
});

test("another agent's that took its place is not removed", async () => {
  const fake = createFakeIptables();
  const first = await install(fake);
  await install(fake, { port: 3200 });

  await first[Symbol.asyncDispose]();

  expect(fake.nat.nft.get("PREROUTING")).toEqual([jump]);
});

test("a removal that fails is logged, and does not throw", async () => {
  const logger = createRecordingLogger();
  const node = { failing: {} as Record<string, { stderr: string }> };
  const redirect = await install(createFakeIptables(node), {}, logger);
  node.failing["iptables-nft-restore"] = { stderr: "Another app is currently holding the xtables lock." };

  await redirect[Symbol.asyncDispose]();

  expect(logger.lines.at(-1)).toEqual({
    level: "error",
    message:
      "cannot remove the redirect: iptables-nft-restore --noflush --wait 10: Another app is currently holding the xtables lock. (exit 1)",
  });
});

test("without conntrack nothing is changed", async () => {
  const fake = createFakeIptables({ missing: ["conntrack"] });

  await expect(install(fake)).rejects.toThrow("conntrack is not installed, or not in PATH");

  expect([...fake.nat.nft]).toEqual([["PREROUTING", []]]);
});

test("when connections cannot be cut, what was installed is removed again", async () => {
  const fake = createFakeIptables({ failing: { "conntrack -D": { stderr: "Operation failed" } } });

  await expect(install(fake)).rejects.toThrow("Operation failed");

  expect(fake.nat.nft.get("PREROUTING")).toEqual([]);
});

test("an interface that is not there yet is warned of", async () => {
  const logger = createRecordingLogger();

  await install(createFakeIptables({ interfaces: ["lo", "eth0"] }), {}, logger);

  expect(logger.lines[0]?.level).toBe("warn");
  expect(logger.lines[0]?.message).toStartWith("no interface cali+ here yet");
});

test("a kernel that was built without legacy tables has no file that lists them", async () => {
  const fake = createFakeIptables();
  const readText = (path: string) =>
    path === "/proc/net/dev" ? fake.readText(path) : Promise.reject(new Error(`ENOENT ${path}`));

  await install({ ...fake, readText });

  expect(fake.nat.nft.get("PREROUTING")).toEqual([jump]);
});
