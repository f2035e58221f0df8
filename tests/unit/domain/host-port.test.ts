import { expect, test } from "bun:test";
import { formatHostPort } from "../../../src/domain/host-port.ts";

test.each([
  ["kiam-server", 9610, "kiam-server:9610"],
  ["10.0.0.1", 80, "10.0.0.1:80"],
  ["fd00::1", 3100, "[fd00::1]:3100"],
])("host %s and port %d are %s", (host, port, text) => {
  expect(formatHostPort(host, port)).toBe(text);
});
