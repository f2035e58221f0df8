import { expect, test } from "bun:test";
import { incomparable, newerVersion, objectVersion, versionOrder } from "../../../src/domain/object-version.ts";

test.each([
  ["7", 7n],
  ["18446744073709551615", 18_446_744_073_709_551_615n],
])("the resource version %p is comparable", (text, version) => {
  expect(objectVersion(text)).toBe(version);
});

test.each(["", "0", "07", "-7", "7a", " 7", "1e3", "18446744073709551616", "99999999999999999999999"])(
  "nothing can be told from the resource version %p",
  (text) => {
    expect(objectVersion(text)).toBe(incomparable);
  },
);

test("versions are ordered as numbers, and what is none has no order", () => {
  const orders = [versionOrder(9n, 10n), versionOrder(10n, 10n), versionOrder(11n, 10n)];

  expect(orders).toEqual([-1, 0, 1]);
  expect([versionOrder(incomparable, 10n), versionOrder(10n, incomparable)]).toEqual([undefined, undefined]);
  expect(newerVersion(9n, 10n)).toBe(10n);
});
