import { expect, test } from "bun:test";
import { tokenExpiresAtMs } from "../../../../src/agent/feed/token-expiry.ts";

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

test("a token says when it expires", () => {
  const token = `${part({ alg: "RS256" })}.${part({ exp: 1_767_225_600, aud: ["kiam-server"] })}.signature`;

  const expiresAtMs = tokenExpiresAtMs(token);

  expect(expiresAtMs).toBe(Date.UTC(2026, 0, 1));
});

test.each([
  "",
  "opaque",
  `${part({})}.${part({})}.s`,
  `${part({})}.${part({ exp: "soon" })}.s`,
  `${part({})}.${part(null)}.s`,
  `${part({})}.!!!.s`,
])("'%s' does not", (token) => {
  const expiresAtMs = tokenExpiresAtMs(token);

  expect(expiresAtMs).toBeUndefined();
});
