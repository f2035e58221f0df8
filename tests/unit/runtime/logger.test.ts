import { expect, test } from "bun:test";
import { reasonOf } from "../../../src/runtime/logger.ts";

test("whatever is thrown reads as text", () => {
  expect(reasonOf(new Error("broken"))).toBe("broken");
  expect(reasonOf("broken")).toBe("broken");
  expect(reasonOf(undefined)).toBe("undefined");
  expect(reasonOf({})).toBe("[object Object]");
});
