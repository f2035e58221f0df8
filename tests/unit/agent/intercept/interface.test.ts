import { describe, expect, test } from "bun:test";
import {
  formatInterface,
  interfaceWarning,
  overlap,
  parseInterfaceNames,
  parseInterfacePattern,
} from "../../../../src/agent/intercept/interface.ts";
import { pattern } from "./patterns.ts";

describe("parseInterfacePattern", () => {
  test.each(["eth0", "cali+", "!eth0", "!cali+", "+", "ens5.100", "123456789012345"])("takes %p", (text) => {
    const parsed = parseInterfacePattern(text);

    expect(parsed === undefined ? undefined : formatInterface(parsed)).toBe(text);
  });

  test.each(["", "!", "!+", "!!eth0", "a b", "a/b", "-i", "ca+li", "1234567890123456", 'eth"0', "eth0\n-j ACCEPT"])(
    "refuses %p",
    (text) => {
      expect(parseInterfacePattern(text)).toBeUndefined();
    },
  );
});

test.each([
  ["cali+", "cali+", "all"],
  ["cali+", "cali1", "some"],
  ["cali1", "cali+", "all"],
  ["cali+", "eth0", "none"],
  ["cali+", "+", "all"],
  ["cali+", "!eth0", "all"],
  ["cali+", "!cali+", "none"],
  ["cali1", "!cali+", "none"],
  ["cali+", "!cali1", "some"],
  ["!eth0", "eth0", "none"],
  ["!eth+", "eth0", "none"],
  ["!eth0", "eth+", "some"],
  ["!eth0", "cali+", "some"],
  ["!eth0", "+", "all"],
  ["!eth0", "!eth0", "all"],
  ["!eth+", "!eth0", "all"],
  ["!eth0", "!eth+", "some"],
  ["!eth0", "!cali+", "some"],
] as const)("of the packets that come in by %s, those that do by %s: %s", (ours, theirs, expected) => {
  expect(overlap(pattern(ours), pattern(theirs))).toBe(expected);
});

test("names are read from /proc/net/dev, also one with a colon", () => {
  const text = "Inter-|   Receive  |  Transmit\n face |bytes packets|bytes\n    lo: 1 2\n  eth0: 3 4\neth0:1: 5 6\n";

  expect(parseInterfaceNames(text)).toEqual(["lo", "eth0", "eth0:1"]);
});

test.each([
  ["cali+", ["eth0", "cali1"], undefined],
  ["+", ["lo"], undefined],
  ["!eth0", ["eth0"], undefined],
  ["cali+", ["eth0"], "no interface cali+ here yet: nothing is redirected until there is one"],
  ["!eth1", ["eth0"], "no interface eth1 here: what comes in by any interface is redirected"],
])("the warning for %s with %p", (text, present, expected) => {
  expect(interfaceWarning(pattern(text), present)).toBe(expected);
});
