import { expect, test } from "bun:test";
import { matchRoutes } from "../../../src/cli/route-pattern.ts";

test.each([
  [".*", "/latest/meta-data/instance-id", true],
  ["/latest", "/latest/user-data", true],
  ["instance-id", "/latest/meta-data/instance-id", true],
  ["^/latest/(meta-data/placement|dynamic)", "/latest/dynamic/instance-identity/document", true],
  ["^/latest/(meta-data/placement|dynamic)", "/1.0/dynamic/instance-identity/document", false],
  ["instance-id$", "/latest/meta-data/instance-id/", false],
  ["(?i)/LATEST", "/latest/", true],
  ["^$", "/", false],
  ["", "/", true],
])("%p on %s: %p, in any part of the path as in the Go release", (pattern, path, expected) => {
  const isAllowed = matchRoutes(pattern);

  expect(isAllowed(path)).toBe(expected);
});
