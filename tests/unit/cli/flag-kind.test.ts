import { expect, test } from "bun:test";
import { boolean, count, oneOf, port } from "../../../src/cli/flag-kind.ts";

test("a boolean is true or false and nothing like it", () => {
  const parsed = ["true", "false", "True", "1", "yes", ""].map(boolean.parse);

  expect(parsed).toEqual([true, false, undefined, undefined, undefined, undefined]);
});

test("a port is whole and from 1 to 65535", () => {
  const parsed = ["1", "65535", "0", "65536", "-1", "80.0", "0x50", " 80", "8e1"].map(port.parse);

  expect(parsed.slice(0, 2)).toEqual([1, 65_535]);
  expect(parsed.slice(2).every((value) => value === undefined)).toBe(true);
});

test("a count stops at its limit", () => {
  const parsed = ["1", "10", "11", "0"].map(count(10).parse);

  expect(parsed).toEqual([1, 10, undefined, undefined]);
});

test("a choice is taken as it is spelled", () => {
  const parsed = ["debug", "Debug", "warning"].map(oneOf("debug", "warn").parse);

  expect(parsed).toEqual(["debug", undefined, undefined]);
});
