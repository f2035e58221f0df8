import { expect, test } from "bun:test";
import { nearest } from "../../../src/cli/nearest.ts";

const commands = ["agent", "server", "health", "certs", "dev", "version"];

test.each([
  ["agnet", "agent"],
  ["sever", "server"],
  ["servers", "server"],
  ["helth", "health"],
  ["cert", "certs"],
  ["dve", "dev"],
  ["agent", "agent"],
])("%s was meant to be %s", (word, expected) => {
  const found = nearest(word, commands);

  expect(found).toBe(expected);
});

test.each(["", "x", "completely-different", "explain", "de-v-e"])("nothing is near to %j", (word) => {
  const found = nearest(word, commands);

  expect(found).toBeUndefined();
});

test("the nearest of several wins", () => {
  const found = nearest("--session-durtion", ["--session-refresh", "--session", "--session-duration"]);

  expect(found).toBe("--session-duration");
});
