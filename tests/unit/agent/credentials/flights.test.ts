import { expect, test } from "bun:test";
import { createFlights } from "../../../../src/agent/credentials/flights.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";

const never = neverAborted();

test("callers of one key share one piece of work, callers of another do not", async () => {
  const flights = createFlights<string>();
  const started: string[] = [];
  const start = (name: string) => async () => {
    started.push(name);
    return name;
  };

  const results = await Promise.all([
    flights.join("a", start("first"), never),
    flights.join("a", start("second"), never),
    flights.join("b", start("third"), never),
  ]);

  expect(results).toEqual(["first", "first", "third"]);
  expect(started).toEqual(["first", "third"]);
});

test("work that fails fails all who wait for it, and the next caller starts anew", async () => {
  const flights = createFlights<string>();
  const gate = Promise.withResolvers<string>();

  const [one, two] = [flights.join("a", () => gate.promise, never), flights.join("a", () => gate.promise, never)];
  gate.reject(new Error("no luck"));
  await Promise.allSettled([one, two]);
  const next = await flights.join("a", async () => "luck", never);

  await expect(one).rejects.toThrow("no luck");
  await expect(two).rejects.toThrow("no luck");
  expect(next).toBe("luck");
});

test("work that everybody left does not serve those who come later", async () => {
  const flights = createFlights<string>();
  const caller = new AbortController();
  const stuck = Promise.withResolvers<string>();

  const left = flights.join("a", () => stuck.promise, caller.signal);
  caller.abort(new Error("gone"));
  await expect(left).rejects.toThrow("gone");
  const next = await flights.join("a", async () => "fresh", never);
  stuck.resolve("stale");

  expect(next).toBe("fresh");
});

test("a caller whose signal is aborted already starts nothing", async () => {
  const flights = createFlights<string>();
  let started = 0;
  const start = async () => {
    started += 1;
    return "";
  };

  const joined = flights.join("a", start, AbortSignal.abort(new Error("too late")));

  await expect(joined).rejects.toThrow("too late");
  expect(started).toBe(0);
});
