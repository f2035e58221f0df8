import { expect, test } from "bun:test";
import { credentialErrorText, forbiddenText } from "../../../../src/server/events/text.ts";

test("a denial is told in the Go release's words", () => {
  const text = forbiddenText("writer", { kind: "role-mismatch", requested: "writer", annotated: "reader" });

  expect(text).toEqual({
    reason: "KiamRoleForbidden",
    message: `failed assuming role "writer": requested 'writer' but annotated with 'reader', forbidden`,
  });
});

test("a failure of STS is told with its code", () => {
  const text = credentialErrorText({ kind: "refused", code: "AccessDenied", message: "User: x is not authorized" });

  expect(text).toEqual({
    reason: "KiamCredentialError",
    message: "failed retrieving credentials: AccessDenied: User: x is not authorized",
  });
});

test.each([
  ["a\u001b[2Jb\nc\u202Ed\u2028e", 'failed assuming role "a\\u001b[2Jb\\nc d e": '],
  ['say "x"', 'failed assuming role "say \\"x\\"": '],
])("what a terminal would obey is not in it: %j", (role, beginning) => {
  const { message } = forbiddenText(role, { kind: "malformed-role", annotated: role });

  expect(message).toStartWith(beginning);
  expect(message).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
});

test("it is never longer than an event may be, however long the annotation", () => {
  const long = "é😀".repeat(100_000);

  const { message } = forbiddenText(long, { kind: "role-mismatch", requested: long, annotated: long });

  expect(message.length).toBeLessThanOrEqual(1_001);
  expect(message.isWellFormed()).toBe(true);
});
