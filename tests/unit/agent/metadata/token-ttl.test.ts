import { expect, test } from "bun:test";
import { parseTtlSeconds } from "../../../../src/agent/metadata/token-ttl.ts";

test.each([
  ["1", 1],
  ["60", 60],
  ["21600", 21_600],
  ["00060", 60],
])("a TTL of %s is %p s", (header, expected) => {
  const seconds = parseTtlSeconds(header);

  expect(seconds).toBe(expected);
});

test.each([undefined, "", "0", "21601", "99999", "-1", "1.5", "1e3", " 60", "60s", "0x10", "000060"])(
  "%p is no TTL",
  (header) => {
    const seconds = parseTtlSeconds(header);

    expect(seconds).toBeUndefined();
  },
);
