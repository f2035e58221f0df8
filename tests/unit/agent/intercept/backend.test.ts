import { expect, test } from "bun:test";
import { chooseBackend, viewBackends } from "../../../../src/agent/intercept/backend.ts";
import { ipv4 } from "../../../../src/agent/intercept/family.ts";
import { createIptables } from "../../../../src/agent/intercept/iptables.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { createFakeIptables, type Node } from "../../../fakes/iptables.ts";

const fixture = (name: string) => Bun.file(`${import.meta.dir}/../../../fixtures/iptables/${name}.txt`).text();
const marked = await fixture("eks-mangle");
const hinted = (await fixture("calico-mangle")).replace("-N KUBE-KUBELET-CANARY\n", "");
const rules = (count: number) => Array.from({ length: count }, (_, index) => `-d 10.0.0.${index}/32 -j ACCEPT`);

async function choose(node: Node) {
  const { run, commands } = createFakeIptables(node);
  const programs = { nft: createIptables("nft", ipv4, run), legacy: createIptables("legacy", ipv4, run) };
  const views = await viewBackends(programs, node.legacyTables ?? [], "nat", neverAborted());
  return { backend: (await chooseBackend(views, neverAborted())).iptables.backend, commands };
}

const loaded = ["mangle", "nat"];

test.each<[string, Node, string]>([
  ["nft on a node without anything", {}, "nft"],
  ["the one with the kubelet's canary", { legacyTables: loaded, mangle: { legacy: marked } }, "legacy"],
  ["the one with the hint", { legacyTables: loaded, mangle: { legacy: hinted } }, "legacy"],
  [
    "the marked one though the other has more rules",
    { legacyTables: loaded, mangle: { nft: marked }, prerouting: { legacy: rules(9) } },
    "nft",
  ],
  ["nft where both are marked", { legacyTables: loaded, mangle: { nft: marked, legacy: marked } }, "nft"],
  [
    "the one with more rules where none is marked",
    { legacyTables: loaded, prerouting: { nft: rules(1), legacy: rules(2) } },
    "legacy",
  ],
  ["nft where both have as many", { legacyTables: loaded, prerouting: { nft: rules(2), legacy: rules(2) } }, "nft"],
  [
    "legacy where the kernel has no nft",
    { failing: { "iptables-nft": { exitCode: 1, stderr: "Failed to initialize nft: Protocol not supported" } } },
    "legacy",
  ],
])("%s", async (_, node, expected) => {
  expect((await choose(node)).backend).toBe(expected as "nft");
});

test("legacy tables that are not loaded are not asked for, which would load them", async () => {
  const nothing = await choose({});
  const natOnly = await choose({ legacyTables: ["nat"], mangle: { nft: marked } });

  expect(nothing.commands.filter((command) => command.includes("legacy"))).toEqual([]);
  expect(natOnly.commands.filter((command) => command.includes("legacy"))).toEqual([
    "iptables-legacy --wait 10 -t nat -S PREROUTING",
  ]);
});

test("a missing program is an error, that of legacy only where the kernel holds legacy rules", async () => {
  await expect(choose({ missing: ["iptables-nft"] })).rejects.toThrow("iptables-nft is not installed");
  await expect(choose({ missing: ["iptables-legacy"], legacyTables: loaded })).rejects.toThrow(
    "iptables-legacy is not installed",
  );
  expect((await choose({ missing: ["iptables-legacy"] })).backend).toBe("nft");
});

test("where neither works, both reasons are told", async () => {
  const failing = { "iptables-nft": { exitCode: 4, stderr: "Permission denied\n(you must be root)\n" } };

  await expect(choose({ failing, missing: ["iptables-legacy"] })).rejects.toThrow(
    "iptables-nft -t mangle -S: Permission denied; (you must be root) (exit 4); nor does the other back end work: iptables-legacy is not installed, or not in PATH",
  );
});
