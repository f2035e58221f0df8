import { expect, test } from "bun:test";
import { firstLine } from "../../../src/domain/first-line.ts";

test.each([
  ["AccessDenied: no", "AccessDenied: no"],
  ["wrong signature\nThe Canonical String was\nx-amz-security-token:IQoSECRET", "wrong signature"],
  ["wrong signature\r\nIQoSECRET", "wrong signature"],
  ["wrong signature\rIQoSECRET", "wrong signature"],
  ["\n\n  wrong signature\nIQoSECRET", "wrong signature"],
  ["", ""],
])("of %j only %j is told", (text, told) => {
  expect(firstLine(text)).toBe(told);
});
