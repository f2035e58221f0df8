import { describe, expect, test } from "bun:test";
import { ipv4, ipv6 } from "../../../../src/agent/intercept/family.ts";
import type { PlacedRule } from "../../../../src/agent/intercept/hook.ts";
import { findLeftovers } from "../../../../src/agent/intercept/leftovers.ts";
import { installInput, removeInput } from "../../../../src/agent/intercept/restore-input.ts";
import { parseRules, type Rule } from "../../../../src/agent/intercept/rule.ts";
import { isChainOf, isJumpOf, type RedirectSpec, targetOf } from "../../../../src/agent/intercept/rules.ts";
import { address, pattern } from "./patterns.ts";

const fixture = (name: string) => Bun.file(`${import.meta.dir}/../../../fixtures/iptables/${name}.txt`).text();
const prerouting = { table: "nat", chain: "PREROUTING" } as const;
const rule = (text: string) => parseRules("C", `-A C ${text}`)[0] ?? { text, conditions: [] };

const placed = (text: string): PlacedRule => ({ hook: prerouting, rule: rule(text) });

function spec(pods = "cali+", host = "10.0.0.1"): RedirectSpec {
  return { family: ipv4, pods: pattern(pods), fate: { kind: "redirect", host: address(host), port: 3100 } };
}

function leftoversAmong(rules: readonly Rule[]): readonly string[] {
  const all = rules.map((one) => ({ hook: prerouting, rule: one }));
  return findLeftovers(all, ipv4).map(({ rule: { text } }) => text);
}

describe("the input for iptables-restore", () => {
  test("empties the chain, fills it and jumps to it first", () => {
    expect(installInput(spec("!eth0"), [])).toBe(
      [
        "*nat",
        ":KIAM-METADATA - [0:0]",
        "-A KIAM-METADATA -p tcp -j DNAT --to-destination 10.0.0.1:3100",
        "-I PREROUTING 1 ! -i eth0 -d 169.254.169.254/32 -p tcp --dport 80 -j KIAM-METADATA",
        "COMMIT",
        "",
      ].join("\n"),
    );
  });

  test("names no interface where any will do", () => {
    expect(installInput(spec("+"), [])).toContain("-I PREROUTING 1 -d 169.254.169.254/32 -p tcp");
  });

  test("removes what it takes the place of in the same commit, as often as it is there, before it jumps", () => {
    const left = placed("-i cali+ -j KIAM-METADATA");

    const lines = installInput(spec(), [left, left]).split("\n");

    expect(lines.filter((line) => line.startsWith("-D"))).toEqual([
      "-D PREROUTING -i cali+ -j KIAM-METADATA",
      "-D PREROUTING -i cali+ -j KIAM-METADATA",
    ]);
    expect(lines.at(-3)).toStartWith("-I PREROUTING 1");
  });

  test("removes the chain only where something jumps to it: nobody else's rules make it", () => {
    expect(removeInput([placed("-j KIAM-METADATA")])).toBe(
      "*nat\n:KIAM-METADATA - [0:0]\n-D PREROUTING -j KIAM-METADATA\n-X KIAM-METADATA\nCOMMIT\n",
    );
    expect(removeInput([placed("-j DNAT --to-destination 10.0.0.1:8181")])).toBe(
      "*nat\n-D PREROUTING -j DNAT --to-destination 10.0.0.1:8181\nCOMMIT\n",
    );
  });

  test("rejects where packets go on and where they stay, and removes what stands in the other table afterwards", () => {
    const rejecting: RedirectSpec = { family: ipv6, pods: pattern("cali+"), fate: { kind: "reject" } };

    expect(installInput(rejecting, [placed("-i cali+ -j KIAM-METADATA")])).toBe(
      [
        "*filter",
        ":KIAM-METADATA - [0:0]",
        "-A KIAM-METADATA -p tcp -j REJECT --reject-with tcp-reset",
        "-I FORWARD 1 -i cali+ -d fd00:ec2::254/128 -p tcp --dport 80 -j KIAM-METADATA",
        "-I INPUT 1 -i cali+ -d fd00:ec2::254/128 -p tcp --dport 80 -j KIAM-METADATA",
        "COMMIT",
        "*nat",
        ":KIAM-METADATA - [0:0]",
        "-D PREROUTING -i cali+ -j KIAM-METADATA",
        "-X KIAM-METADATA",
        "COMMIT",
        "",
      ].join("\n"),
    );
  });

  test("writes an IPv6 destination in brackets", () => {
    expect(targetOf(spec("cali+", "fd00::1").fate)).toBe("DNAT --to-destination [fd00::1]:3100");
  });
});

describe("what stands in PREROUTING", () => {
  test.each([
    ["-d 169.254.169.254/32 -i cali+ -p tcp -m tcp --dport 80 -j KIAM-METADATA", true],
    ["-i cali+ -p tcp -d 169.254.169.254/32 --dport 80 -j KIAM-METADATA", true],
    ["-d 169.254.169.254/32 -i eni+ -p tcp -m tcp --dport 80 -j KIAM-METADATA", false],
    ["-d 169.254.169.254/32 ! -i cali+ -p tcp -m tcp --dport 80 -j KIAM-METADATA", false],
    ["-d 169.254.169.254/32 -i cali+ -p tcp -m tcp --dport 8080 -j KIAM-METADATA", false],
    ["-s 10.0.0.0/8 -d 169.254.169.254/32 -i cali+ -p tcp -m tcp --dport 80 -j KIAM-METADATA", false],
    ["-d 169.254.169.254/32 -i cali+ -p tcp -m tcp --dport 80 -j ACCEPT", false],
  ])("%s is the jump wanted: %p", (text, expected) => {
    expect(isJumpOf(rule(text), spec())).toBe(expected);
  });

  test("a left-over is a jump of any agent or the Go release's whole rule, and nothing that only resembles it", async () => {
    const eks = parseRules("PREROUTING", await fixture("eks-nat"));
    const calico = parseRules("PREROUTING", await fixture("calico-nat"));

    expect(leftoversAmong(eks)).toEqual([
      "-d 169.254.169.254/32 ! -i eth0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.1:8181",
      "-d 169.254.169.254/32 -i eni+ -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.1:8181",
    ]);
    expect(leftoversAmong(calico)).toEqual([
      "-d 169.254.169.254/32 -i cali+ -p tcp -m tcp --dport 80 -j KIAM-METADATA",
    ]);
  });

  test.each([
    "-s 10.0.0.0/8 -d 169.254.169.254/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.1:8181",
    "-d 169.254.169.254/32 -p tcp -m tcp --dport 80 -m comment --comment mine -j DNAT --to-destination 10.0.0.1:8181",
    "-d 169.254.169.254/32 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8181",
    "-d 169.254.0.0/16 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.1:8181",
  ])("somebody's own rule is left alone: %s", (text) => {
    expect(leftoversAmong([rule(text)])).toEqual([]);
  });
});

describe("what stands in the redirect's chain", () => {
  const dnat = "-p tcp -c 0 0 -j DNAT --to-destination";

  test.each([
    ["the destination wanted", [`${dnat} 10.0.0.1:3100`], true],
    ["another port", [`${dnat} 10.0.0.1:3101`], false],
    ["nothing", [], false],
    ["another rule before it", ["-j ACCEPT", `${dnat} 10.0.0.1:3100`], false],
    ["another rule behind it", [`${dnat} 10.0.0.1:3100`, "-j ACCEPT"], false],
    ["a condition more", ["-s 10.0.0.0/8 -p tcp -j DNAT --to-destination 10.0.0.1:3100"], false],
    ["an option more", [`${dnat} 10.0.0.1:3100 --random`], false],
  ])("%s", (_, texts, expected) => {
    expect(isChainOf(texts.map(rule), spec())).toBe(expected);
  });
});
