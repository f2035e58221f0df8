import { expect, test } from "bun:test";
import { rfc3339 } from "../../../src/domain/rfc3339.ts";

test("moments are written in UTC to the second, cut and not rounded", () => {
  expect(rfc3339(Date.UTC(2006, 0, 2, 15, 4, 5, 999))).toBe("2006-01-02T15:04:05Z");
});
