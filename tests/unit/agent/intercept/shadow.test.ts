import { expect, test } from "bun:test";
import { ipv4 } from "../../../../src/agent/intercept/family.ts";
import { parseRules } from "../../../../src/agent/intercept/rule.ts";
import { findShadow } from "../../../../src/agent/intercept/shadow.ts";
import { otherBackendStakes, type Stakes, stakesOf } from "../../../../src/agent/intercept/stakes.ts";
import { address, pattern } from "./patterns.ts";

const redirect = { kind: "redirect", host: address("10.0.0.1"), port: 3100 } as const;

/** Looks for what takes packets before the end of PREROUTING. */
async function search(printed: string, stakes: Stakes = stakesOf(redirect)) {
  const asked: string[] = [];
  const by = await findShadow(parseRules("PREROUTING", printed), {
    family: ipv4,
    pods: pattern("cali+"),
    base: "PREROUTING",
    stakes,
    async readChain(name) {
      asked.push(name);
      return parseRules(name, printed);
    },
  });
  return { by, asked };
}

const lines = (...rules: readonly string[]) => rules.map((rule) => `-A ${rule}`).join("\n");

test("the rules that Calico and kube-proxy keep first take nothing, and chains that no packet enters are not read", async () => {
  const printed = await Bun.file(`${import.meta.dir}/../../../fixtures/iptables/calico-nat.txt`).text();

  const { by, asked } = await search(printed.replace(/^-A PREROUTING .* -j KIAM-METADATA$/m, ""));

  expect(by).toBeUndefined();
  expect(asked).toEqual(["cali-PREROUTING", "cali-fip-dnat", "KUBE-SERVICES"]);
});

test("the connection marks of the VPC CNI take nothing, the Go release's rule does", async () => {
  const printed = await Bun.file(`${import.meta.dir}/../../../fixtures/iptables/eks-nat.txt`).text();

  expect((await search(printed)).by).toBe(
    "PREROUTING -d 169.254.169.254/32 ! -i eth0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.1:8181",
  );
  expect((await search(printed.replaceAll(/^-A PREROUTING .*DNAT.*$/gm, ""))).by).toBeUndefined();
});

test.each([
  ["accepting", lines("PREROUTING -d 169.254.0.0/16 -j ACCEPT"), "PREROUTING -d 169.254.0.0/16 -j ACCEPT"],
  [
    "leading elsewhere",
    lines("PREROUTING -p tcp -j REDIRECT --to-ports 1"),
    "PREROUTING -p tcp -j REDIRECT --to-ports 1",
  ],
  ["taking some pods' packets", lines("PREROUTING -s 10.0.0.0/8 -j ACCEPT"), "PREROUTING -s 10.0.0.0/8 -j ACCEPT"],
  ["returning from PREROUTING", lines("PREROUTING -j RETURN"), "PREROUTING -j RETURN"],
  ["for other interfaces", lines("PREROUTING -i eth0 -j ACCEPT"), undefined],
  ["only logging", lines("PREROUTING -j LOG", "PREROUTING -p tcp"), undefined],
  ["of an unknown extension", lines("PREROUTING -j TEE"), undefined],
  [
    "deep in a chain",
    lines("PREROUTING -j A", "A -j B", "B -p tcp -j DNAT --to-destination 1.2.3.4:5"),
    "B -p tcp -j DNAT --to-destination 1.2.3.4:5",
  ],
  ["behind a return of all", lines("PREROUTING -j A", "A -j RETURN", "A -j ACCEPT"), undefined],
  ["behind a return of some", lines("PREROUTING -j A", "A -s 10.0.0.0/8 -j RETURN", "A -j ACCEPT"), "A -j ACCEPT"],
  [
    "behind a return of a chain inside",
    lines("PREROUTING -j A", "A -j B", "A -j ACCEPT", "B -j RETURN"),
    "A -j ACCEPT",
  ],
  ["going from PREROUTING for good", lines("PREROUTING -g A", "A -j LOG"), "PREROUTING -g A"],
  ["behind a chain gone to", lines("PREROUTING -j A", "A -g B", "A -j ACCEPT", "B -j LOG"), undefined],
  ["in a chain gone to", lines("PREROUTING -j A", "A -g B", "B -j ACCEPT"), "B -j ACCEPT"],
])("a rule %s", async (_, printed, expected) => {
  expect((await search(printed)).by).toBe(expected);
});

test("a chain is read once, however many lead to it", async () => {
  const { asked } = await search(lines("PREROUTING -j A", "PREROUTING -j B", "A -j C", "B -j C", "C -j LOG"));

  expect(asked).toEqual(["A", "C", "B"]);
});

test.each([
  ["accepting", lines("PREROUTING -j ACCEPT"), "PREROUTING -j ACCEPT"],
  ["asking a program", lines("PREROUTING -j NFQUEUE --queue-num 0"), "PREROUTING -j NFQUEUE --queue-num 0"],
  ["dropping all", lines("PREROUTING -j DROP", "PREROUTING -j ACCEPT"), undefined],
  ["dropping some", lines("PREROUTING -s fd00::/64 -j DROP", "PREROUTING -j ACCEPT"), "PREROUTING -j ACCEPT"],
  ["dropping all in a chain", lines("PREROUTING -j A", "A -j REJECT", "PREROUTING -j ACCEPT"), undefined],
  [
    "dropping all in a chain for some",
    lines("PREROUTING -s fd00::/64 -j A", "A -j REJECT", "PREROUTING -j ACCEPT"),
    "PREROUTING -j ACCEPT",
  ],
  ["leaving it to the policy", lines("PREROUTING -j RETURN"), "PREROUTING -j RETURN"],
])("before a rejection, a rule %s", async (_, printed, expected) => {
  expect((await search(printed, stakesOf({ kind: "reject" }))).by).toBe(expected);
});

test.each([
  ["accepting all", lines("PREROUTING -j ACCEPT", "PREROUTING -p tcp -j REDIRECT --to-ports 1"), undefined],
  [
    "accepting some",
    lines("PREROUTING -s 10.0.0.0/8 -j ACCEPT", "PREROUTING -p tcp -j REDIRECT --to-ports 1"),
    "PREROUTING -p tcp -j REDIRECT --to-ports 1",
  ],
  ["leaving it to the policy", lines("PREROUTING -j RETURN", "PREROUTING -p tcp -j NETMAP --to 10.0.0.0/8"), undefined],
  [
    "leading elsewhere",
    lines("PREROUTING -j A", "A -p tcp -j NETMAP --to 10.0.0.0/8"),
    "A -p tcp -j NETMAP --to 10.0.0.0/8",
  ],
])("in the other back end, a rule %s", async (_, printed, expected) => {
  expect((await search(printed, otherBackendStakes)).by).toBe(expected);
});
