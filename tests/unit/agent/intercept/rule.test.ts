import { expect, test } from "bun:test";
import { parseRules } from "../../../../src/agent/intercept/rule.ts";

test("conditions, target and its options are told apart", () => {
  const [rule] = parseRules(
    "PREROUTING",
    "-P PREROUTING ACCEPT\n-A PREROUTING -d 169.254.169.254/32 ! -i eth0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.1:8181\n",
  );

  expect(rule).toEqual({
    text: "-d 169.254.169.254/32 ! -i eth0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.1:8181",
    conditions: [
      { option: "-d", negated: false, values: ["169.254.169.254/32"] },
      { option: "-i", negated: true, values: ["eth0"] },
      { option: "-p", negated: false, values: ["tcp"] },
      { option: "-m", negated: false, values: ["tcp"] },
      { option: "--dport", negated: false, values: ["80"] },
    ],
    target: { name: "DNAT", how: "jump", options: ["--to-destination", "10.0.0.1:8181"] },
  });
});

test("a comment is one value, whatever it says", () => {
  const rules = parseRules(
    "C",
    [
      "-A C -m comment --comment -j -j ACCEPT",
      '-A C -m comment --comment "say \\"hi\\" \\\\ it\\\'s -j DROP ! -d" -j ACCEPT',
    ].join("\n"),
  );

  expect(rules.map(({ conditions }) => conditions[1]?.values)).toEqual([["-j"], ['say "hi" \\ it\'s -j DROP ! -d']]);
  expect(rules.map(({ target }) => target?.name)).toEqual(["ACCEPT", "ACCEPT"]);
});

test("a rule that goes to a chain, one with options of several values and one without a target", () => {
  const rules = parseRules(
    "C",
    "-A C ! -p tcp -g OTHER\n-A C -p tcp -m tcp --tcp-flags SYN,RST SYN -m conntrack --ctstate NEW\n-A C -m rpfilter --invert\n",
  );

  expect(rules[0]?.target).toEqual({ name: "OTHER", how: "goto", options: [] });
  expect(rules[1]?.target).toBeUndefined();
  expect(rules[1]?.conditions[2]).toEqual({ option: "--tcp-flags", negated: false, values: ["SYN,RST", "SYN"] });
  expect(rules[2]?.conditions[1]).toEqual({ option: "--invert", negated: false, values: [] });
});

test("counters are read and are no condition", () => {
  const [rule] = parseRules(
    "KIAM-METADATA",
    "-N KIAM-METADATA\n-A KIAM-METADATA -p tcp -c 12 720 -j DNAT --to-destination 10.0.0.1:3100\n",
  );

  expect(rule?.packets).toBe(12);
  expect(rule?.conditions).toEqual([{ option: "-p", negated: false, values: ["tcp"] }]);
});

test("rules of other chains are left out", () => {
  expect(parseRules("C", "-A C2 -j ACCEPT\n-A C -j DROP\n-N C\n").map(({ text }) => text)).toEqual(["-j DROP"]);
});
