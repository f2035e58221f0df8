import { expect, test } from "bun:test";
import { createHealth } from "../../../../src/agent/metadata/health.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { createFakeClock } from "../../../fakes/clock.ts";

const never = neverAborted();

test("the instance id is read once and kept", async () => {
  let reads = 0;
  const readInstanceId = async () => {
    reads += 1;
    return "i-1";
  };
  const health = createHealth({ readInstanceId, problem: () => undefined, clock: createFakeClock() });

  const answers = [await health(false, never), await health(false, never)];

  expect(answers.map(({ status, body }) => [status, body])).toEqual([
    [200, "i-1"],
    [200, "i-1"],
  ]);
  expect(reads).toBe(1);
});

test("a metadata service that fails is the reason given, and is asked again the next time", async () => {
  const results = [Promise.reject(new Error("PUT: status 500")), Promise.resolve("i-1")];
  const health = createHealth({
    readInstanceId: () => results.shift() ?? Promise.resolve(""),
    problem: () => undefined,
    clock: createFakeClock(),
  });

  const answers = [await health(false, never), await health(false, never)];

  expect(answers.map(({ status, body }) => [status, body])).toEqual([
    [500, "PUT: status 500"],
    [200, "i-1"],
  ]);
});

test("a metadata service that hangs is given 900 ms", async () => {
  const clock = createFakeClock();
  const readInstanceId = (signal: AbortSignal) =>
    new Promise<string>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const health = createHealth({ readInstanceId, problem: () => undefined, clock });

  const answering = health(false, never);
  await clock.advance(900);

  expect((await answering).status).toBe(500);
});

test("asked deeply it fails also while no pod could be served", async () => {
  const problem = { text: undefined as string | undefined };
  const health = createHealth({
    readInstanceId: async () => "i-1",
    problem: () => problem.text,
    clock: createFakeClock(),
  });
  const whileWell = await health(true, never);

  problem.text = "no kiam server answers";
  const [deep, shallow] = [await health(true, never), await health(false, never)];

  expect([whileWell.status, deep.status, shallow.status]).toEqual([200, 500, 200]);
  expect(deep.body).toBe("no kiam server answers");
});
