import { expect, test } from "bun:test";
import { createListeners } from "../../../src/runtime/listeners.ts";

test("all who listen hear in the order in which they came, until they are disposed", () => {
  const listeners = createListeners<string>();
  const heard: string[] = [];
  const first = listeners.add((event) => heard.push(`first ${event}`));
  listeners.add((event) => heard.push(`second ${event}`));

  listeners.tell("a");
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  listeners.tell("b");

  expect(heard).toEqual(["first a", "second a", "second b"]);
});

test("one function may listen twice, and stop once", () => {
  const listeners = createListeners<string>();
  const heard: string[] = [];
  const hear = (event: string) => heard.push(event);
  const once = listeners.add(hear);
  listeners.add(hear);

  once[Symbol.dispose]();
  listeners.tell("a");

  expect(heard).toEqual(["a"]);
});

test("who comes while an event is told hears of the next one", () => {
  const listeners = createListeners<string>();
  const heard: string[] = [];
  listeners.add((event) => {
    listeners.add((later) => heard.push(`${event} then ${later}`));
  });

  listeners.tell("a");
  expect(heard).toEqual([]);
  listeners.tell("b");

  expect(heard).toEqual(["a then b"]);
});

test("who is disposed while an event is told does not hear it any more", () => {
  const listeners = createListeners<string>();
  const heard: string[] = [];
  listeners.add(() => second[Symbol.dispose]());
  const second = listeners.add((event) => heard.push(event));

  listeners.tell("a");

  expect(heard).toEqual([]);
});

test("one who throws keeps the others from nothing, and the first error is thrown", () => {
  const listeners = createListeners<string>();
  const heard: string[] = [];
  for (const name of ["first", "second"]) {
    listeners.add(() => {
      throw new Error(name);
    });
  }
  listeners.add((event) => heard.push(event));

  expect(() => listeners.tell("a")).toThrow("first");

  expect(heard).toEqual(["a"]);
});
