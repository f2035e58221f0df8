import { describe, expect, test } from "bun:test";
import { ipv4, ipv6 } from "../../../../src/agent/intercept/family.ts";
import { installRedirect, type RedirectOptions } from "../../../../src/agent/intercept/redirect.ts";
import type { Fate } from "../../../../src/agent/intercept/rules.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { createFakeClock } from "../../../fakes/clock.ts";
import { createFakeIptables, type FakeIptables } from "../../../fakes/iptables.ts";
import { createRecordingLogger } from "../../../fakes/recording-logger.ts";
import { address, pattern } from "./patterns.ts";

const jump = "-d 169.254.169.254/32 -i cali+ -p tcp -m tcp --dport 80 -j KIAM-METADATA";
const dnat = "-p tcp -j DNAT --to-destination 10.0.0.1:3100";
const goRelease = "-d 169.254.169.254/32 -i docker0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.1:8181";
const theirs = "-d 10.96.0.1/32 -j KUBE-SVC";

function redirectTo(port: number): Fate {
  return { kind: "redirect", host: address("10.0.0.1"), port };
}

function install(fake: FakeIptables, options: Partial<RedirectOptions> = {}, logger = createRecordingLogger()) {
  return installRedirect(
    { family: ipv4, pods: pattern("cali+"), fate: redirectTo(3100), atExit: "remove", ...options },
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

test("a start costs seven processes, a look two", async () => {
  const fake = createFakeIptables();

  const redirect = await install(fake);
  const atStart = [...fake.commands];
  await redirect.check(neverAborted());

  expect(atStart).toEqual([
    "conntrack --version",
    "iptables-nft --wait 10 -t mangle -S",
    "iptables-nft --wait 10 -t nat -S PREROUTING",
    "iptables-nft --wait 10 -t filter -v -S KIAM-METADATA",
    "iptables-nft-restore --noflush --wait 10",
    "conntrack -D -p tcp -d 169.254.169.254 --orig-port-dst 80 -r 169.254.169.254",
    "conntrack -D -p tcp -s 169.254.169.254 --orig-port-src 80",
  ]);
  expect(fake.commands).toHaveLength(9);
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
  await install(fake, { fate: redirectTo(3200) });

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
      "cannot remove the redirect of 169.254.169.254: iptables-nft-restore --noflush --wait 10: Another app is currently holding the xtables lock. (exit 1)",
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

test("a kernel that was built without legacy tables has no file that lists them", async () => {
  const fake = createFakeIptables();
  const readText = (path: string) =>
    path !== ipv4.legacyTablesFile ? fake.readText(path) : Promise.reject(new Error(`ENOENT ${path}`));

  await install({ ...fake, readText });

  expect(fake.nat.nft.get("PREROUTING")).toEqual([jump]);
});

const toHost = "-d 169.254.169.254/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.9.9.9:80";

test("a rule of the other back end that comes later is found, one that only accepts is not", async () => {
  const node = { legacyTables: [] as string[] };
  const fake = createFakeIptables(node);
  const redirect = await install(fake);
  fake.nat.legacy.set("PREROUTING", [toHost]);
  expect(await redirect.check(neverAborted())).toEqual({ kind: "in-force", packets: 7 });

  node.legacyTables = ["nat"];
  const found = await redirect.check(neverAborted());
  fake.nat.legacy.set("PREROUTING", ["-p tcp -j ACCEPT", toHost]);
  const accepting = await redirect.check(neverAborted());

  expect(found).toEqual({ kind: "shadowed", by: `PREROUTING ${toHost} (legacy)` });
  expect(accepting).toEqual({ kind: "in-force", packets: 7 });
});

test("where somebody's rule in the other back end would take the calls, the redirect comes before it there, too", async () => {
  const fake = createFakeIptables({
    legacyTables: ["nat"],
    mangle: { nft: "-N KUBE-KUBELET-CANARY\n" },
    prerouting: { legacy: ["-p tcp -j REDIRECT --to-ports 1"] },
  });
  const redirect = await install(fake);

  expect(await redirect.check(neverAborted())).toEqual({ kind: "in-force", packets: 14 });
  expect(fake.nat.nft.get("PREROUTING")).toEqual([jump]);
  expect(fake.nat.legacy.get("PREROUTING")).toEqual([jump, "-p tcp -j REDIRECT --to-ports 1"]);
  await redirect[Symbol.asyncDispose]();

  expect([...fake.nat.nft]).toEqual([["PREROUTING", []]]);
  expect([...fake.nat.legacy]).toEqual([["PREROUTING", ["-p tcp -j REDIRECT --to-ports 1"]]]);
});

test("another back end that does not work takes nothing", async () => {
  const node = { legacyTables: [] as string[], failing: {} as Record<string, { stderr: string }> };
  const redirect = await install(createFakeIptables(node));
  node.legacyTables = ["nat"];
  node.failing["iptables-legacy"] = { stderr: "can't initialize iptables table" };

  expect(await redirect.check(neverAborted())).toEqual({ kind: "in-force", packets: 7 });
});

describe("a rejection", () => {
  const rejectJump = "-d fd00:ec2::254/128 -i cali+ -p tcp -m tcp --dport 80 -j KIAM-METADATA";
  const reject: Partial<RedirectOptions> = { family: ipv6, fate: { kind: "reject" } };
  const target = "-p tcp -j REJECT --reject-with tcp-reset";

  test("stands first in the filter table's chains for packets that go on and for those that stay, and goes at the end", async () => {
    const fake = createFakeIptables();
    const { filter } = fake.tables.ip6tables.nft;
    filter.set("FORWARD", ["-j KUBE-FORWARD"]);

    const redirect = await install(fake, reject);
    expect([...filter]).toEqual([
      ["FORWARD", [rejectJump, "-j KUBE-FORWARD"]],
      ["INPUT", [rejectJump]],
      ["KIAM-METADATA", [target]],
    ]);
    expect(await redirect.check(neverAborted())).toEqual({ kind: "in-force", packets: 7 });
    await redirect[Symbol.asyncDispose]();

    expect([...filter]).toEqual([
      ["FORWARD", ["-j KUBE-FORWARD"]],
      ["INPUT", []],
    ]);
  });

  test("is missing where one of its jumps is, and shadowed where something is let through before it", async () => {
    const fake = createFakeIptables();
    const { filter } = fake.tables.ip6tables.nft;
    const redirect = await install(fake, reject);
    const look = (chain: string, rules: readonly string[]) => {
      filter.set("FORWARD", [rejectJump]).set("INPUT", [rejectJump]).set(chain, rules);
      return redirect.check(neverAborted());
    };
    filter.set("CNI-FORWARD", ["-s fd00::/64 -j ACCEPT"]);

    expect(await look("INPUT", [])).toEqual({ kind: "missing" });
    expect(await look("FORWARD", [])).toEqual({ kind: "missing" });
    expect(await look("FORWARD", ["-j CNI-FORWARD", rejectJump])).toEqual({
      kind: "shadowed",
      by: "CNI-FORWARD -s fd00::/64 -j ACCEPT",
    });
    const harmless = ["-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-s fd00:1::/64 -j DROP"];
    expect(await look("INPUT", [...harmless, rejectJump])).toEqual({ kind: "in-force", packets: 7 });
  });

  test("takes the place of a redirect that a crashed agent left, and the other way round", async () => {
    const fake = createFakeIptables();
    const { nat, filter } = fake.tables.ip6tables.nft;
    const redirected: Fate = { kind: "redirect", host: address("fd00::1"), port: 3100 };

    await install(fake, { family: ipv6, fate: redirected });
    await install(fake, reject);
    const rejecting = [nat.get("PREROUTING"), filter.get("FORWARD"), nat.has("KIAM-METADATA")];
    await install(fake, { family: ipv6, fate: redirected });

    expect(rejecting).toEqual([[], [rejectJump], false]);
    expect([nat.get("PREROUTING"), filter.get("FORWARD"), filter.get("INPUT")]).toEqual([[rejectJump], [], []]);
    expect([nat.get("KIAM-METADATA"), filter.has("KIAM-METADATA")]).toEqual([
      ["-p tcp -j DNAT --to-destination [fd00::1]:3100"],
      false,
    ]);
  });
});
