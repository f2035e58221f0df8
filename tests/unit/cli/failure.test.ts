import { expect, test } from "bun:test";
import { describeFailure, inOneLine } from "../../../src/cli/failure.ts";

class OurError extends Error {
  override readonly name = "OurError";
}

test("an error of ours is one line with its causes", () => {
  const cause = Object.assign(new Error("connect\nrefused"), { code: "ECONNREFUSED", password: "hunter2" });

  const line = describeFailure(new OurError("the server is away", { cause }));

  expect(line).toBe("the server is away: connect refused");
});

test("a cause that the message quotes already isn't said again", () => {
  const line = describeFailure(new OurError("can't listen: taken", { cause: new Error("taken") }));

  expect(line).toBe("can't listen: taken");
});

test("causes that go round end", () => {
  const first = new OurError("a");
  first.cause = new OurError("b", { cause: first });

  const line = describeFailure(first);

  expect(line).toBe("a: b");
});

test("a mistake in the program comes with its stack, and never with the error's other properties", () => {
  const mistake = Object.assign(new TypeError("x is undefined"), { secretAccessKey: "wJalrXUtnFEMI" });

  const text = describeFailure(mistake);

  expect(text).toContain("x is undefined");
  expect(text).toContain("failure.test.ts");
  expect(text).not.toContain("wJalrXUtnFEMI");
});

test("what is thrown need not be an error", () => {
  const line = describeFailure("two\nlines");

  expect(line).toBe("two lines");
});

test("where one line is asked for, a mistake in the program is one line too", () => {
  const line = inOneLine(new TypeError("x is\nundefined", { cause: "nothing" }));

  expect(line).toBe("x is undefined");
});
