import { expect, test } from "bun:test";
import { tokenExpiryMs } from "../../../../src/server/identity/token-expiry.ts";
import { aToken } from "../../../fakes/token-review.ts";

test("a token expires when its payload says", () => {
  expect(tokenExpiryMs(aToken({ exp: 1_800_000_000, iat: 1 }))).toBe(1_800_000_000_000);
  expect(tokenExpiryMs(aToken({ exp: 1_800_000_000.5 }))).toBe(1_800_000_000_500);
});

test.each([
  ["one without expiry", aToken({ iat: 1 })],
  ["one with an expiry that is text", aToken({ exp: "1800000000" })],
  ["one with an expiry that is no number", aToken({ exp: null })],
  ["one whose payload is no object", aToken([] as unknown as Record<string, unknown>)],
  ["opaque text", "0123456789abcdef"],
  ["text with dots", "a.b.c"],
  ["nothing", ""],
  ["a payload that is no JSON", `a.${Buffer.from("{").toString("base64url")}.c`],
  ["a payload that is null", `a.${Buffer.from("null").toString("base64url")}.c`],
])("a token that does not say when it expires: %s", (_, token) => {
  expect(tokenExpiryMs(token)).toBeUndefined();
});
