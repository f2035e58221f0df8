import { expect, test } from "bun:test";
import { isNewer, isOlder, isSameVersion } from "../../../../src/server/workload/resource-version.ts";

test.each([
  ["101", "100", true],
  ["100", "100", false],
  ["99", "100", false],
  ["1000", "999", true],
  ["999", "1000", false],
  ["123456789012345678902", "123456789012345678901", true],
  ["123456789012345678901", "123456789012345678902", false],
])("version %s is newer than %s: %p", (come, held, newer) => {
  expect(isNewer(come, held)).toBe(newer);
});

test.each([
  ["", "100"],
  ["100", ""],
  ["", ""],
  ["abc", "abd"],
  ["0100", "99999"],
  ["-5", "100"],
  ["1.5", "100"],
])("of %p and %p one is no version, so the one that comes counts as newer", (come, held) => {
  expect(isNewer(come, held)).toBe(true);
});

test.each([
  ["99", "100", true],
  ["100", "100", false],
  ["101", "100", false],
  ["", "100", false],
  ["99", "", false],
  ["mine", "100", false],
])("version %p is older than %p: %p", (come, held, older) => {
  expect(isOlder(come, held)).toBe(older);
});

test("only versions that are versions say that two observations are one", () => {
  expect(isSameVersion("100", "100")).toBeTrue();
  expect(isSameVersion("100", "101")).toBeFalse();
  expect(isSameVersion("", "")).toBeFalse();
  expect(isSameVersion("mine", "mine")).toBeFalse();
});
