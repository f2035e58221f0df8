import { expect, test } from "bun:test";
import { type Credentials, isUnexpired, laterOf } from "../../../src/domain/credentials.ts";

const expiringAt = (expiresAtMs: number): Credentials => ({
  accessKeyId: "ASIAEXAMPLE",
  secretAccessKey: "secret",
  sessionToken: "token",
  issuedAtMs: 0,
  expiresAtMs,
});

test("credentials are handed out until the moment they expire", () => {
  expect(isUnexpired(expiringAt(1000), 999)).toBeTrue();
  expect(isUnexpired(expiringAt(1000), 1000)).toBeFalse();
  expect(isUnexpired(expiringAt(1000), 1001)).toBeFalse();
  expect(isUnexpired(expiringAt(Number.NaN), 0)).toBeFalse();
});

test("of two the one that expires later is kept, whichever comes first", () => {
  const [sooner, later] = [expiringAt(1000), expiringAt(2000)];

  expect(laterOf(undefined, sooner)).toBe(sooner);
  expect(laterOf(sooner, later)).toBe(later);
  expect(laterOf(later, sooner)).toBe(later);
});

test("of two that expire together the one that comes is kept", () => {
  const [held, come] = [expiringAt(1000), expiringAt(1000)];

  expect(laterOf(held, come)).toBe(come);
});
