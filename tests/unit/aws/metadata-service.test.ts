import { expect, test } from "bun:test";
import { createMetadataService } from "../../../src/aws/metadata-service.ts";
import { neverAborted } from "../../../src/runtime/abort.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import { createFakeClock } from "../../fakes/clock.ts";
import { serveInstanceMetadata } from "../../fakes/instance-metadata.ts";

const path = "/latest/meta-data/iam/info";
const never = neverAborted();

test("reads a path through a token of its own", async () => {
  await using instance = serveInstanceMetadata({ [path]: '{"Code":"Success"}\n' });
  const service = createMetadataService({ endpoint: `${instance.url}/`, clock: systemClock });

  const answer = await service.get(path, never);

  expect(answer).toEqual({ kind: "found", text: '{"Code":"Success"}' });
  expect(instance.requests.map(({ method, path, token }) => [method, path, token])).toEqual([
    ["PUT", "/latest/api/token", ""],
    ["GET", path, "token-1"],
  ]);
});

test("what there is not is told from what failed", async () => {
  await using instance = serveInstanceMetadata({});
  const service = createMetadataService({ endpoint: instance.url, clock: systemClock });

  expect(await service.get(path, never)).toEqual({ kind: "not-found" });
});

test.each<[string, (request: Request) => Response, string]>([
  ["without a token", () => new Response("", { status: 403 }), "PUT /latest/api/token: status 403"],
  ["with an odd token", () => new Response("a\nb"), "PUT /latest/api/token answered what is not a token"],
  [
    "with an error",
    ({ method }) => new Response(method === "PUT" ? "t" : "<html>", { status: method === "PUT" ? 200 : 500 }),
    `GET ${path}: status 500`,
  ],
  [
    "without end",
    ({ method }) => new Response(method === "PUT" ? "t" : "x".repeat(20_000)),
    `GET ${path}: the answer is too long`,
  ],
])("an answer %s is a failure in one line", async (_, answer, problem) => {
  await using instance = serveInstanceMetadata(answer);
  const service = createMetadataService({ endpoint: instance.url, clock: systemClock });

  const told = await service.get(path, never);

  expect(told).toEqual({ kind: "failed", problem: problem.replace(" /", ` ${instance.url}/`) });
});

test.each(["PUT", "GET"])("an agent of kiam that answers the %s is known by its header", async (intercepted) => {
  await using instance = serveInstanceMetadata(({ method }) => {
    const headers = method === intercepted ? { Server: "kiam" } : { Server: "EC2ws" };
    return new Response("token", { status: method === "GET" ? 403 : 200, headers });
  });
  const service = createMetadataService({ endpoint: instance.url, clock: systemClock });

  expect(await service.get(path, never)).toEqual({ kind: "answered-by-kiam" });
});

test("nobody listening is a failure", async () => {
  const service = createMetadataService({ endpoint: "http://127.0.0.1:1", clock: systemClock });

  const answer = await service.get(path, never);

  expect(answer.kind === "failed" && answer.problem).toMatch(/^PUT http:\/\/127\.0\.0\.1:1\/latest\/api\/token: ./);
});

test("an answer that the network swallowed is given up after a second", async () => {
  const asked = Promise.withResolvers<void>();
  await using instance = serveInstanceMetadata(() => {
    asked.resolve();
    return Promise.withResolvers<Response>().promise;
  });
  const clock = createFakeClock();
  const service = createMetadataService({ endpoint: instance.url, clock });

  const asking = service.get(path, never);
  await asked.promise;
  await clock.advance(1_000);

  expect(await asking).toEqual({
    kind: "failed",
    problem: `PUT ${instance.url}/latest/api/token: no answer within 1000 ms`,
  });
});

test("who gives up learns nothing", async () => {
  const asked = Promise.withResolvers<void>();
  await using instance = serveInstanceMetadata(() => {
    asked.resolve();
    return Promise.withResolvers<Response>().promise;
  });
  const service = createMetadataService({ endpoint: instance.url, clock: systemClock });
  const giveUp = new AbortController();

  const asking = service.get(path, giveUp.signal);
  await asked.promise;
  giveUp.abort(new Error("stopping"));

  await expect(asking).rejects.toThrow("stopping");
});

test.each(["https://169.254.169.254", "nonsense"])("%s is no place to ask at, and said so", async (endpoint) => {
  const service = createMetadataService({ endpoint, clock: systemClock });

  const answer = await service.get(path, never);

  expect(answer.kind).toBe("failed");
});
