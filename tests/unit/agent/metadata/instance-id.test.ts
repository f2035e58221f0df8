import { expect, test } from "bun:test";
import { InstanceIdError, readInstanceIdOf } from "../../../../src/agent/metadata/instance-id.ts";
import type { InstanceAnswer, InstanceMetadata } from "../../../../src/agent/metadata/instance-metadata.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";

function answering(answer: InstanceAnswer): InstanceMetadata {
  return { get: async () => answer };
}

function document(body: string, status = 200): InstanceAnswer {
  return { kind: "answer", status, contentType: "text/plain", body: Buffer.from(body) };
}

test("the id is read where it is, and trimmed", async () => {
  const asked: string[] = [];
  const metadata: InstanceMetadata = {
    async get(path) {
      asked.push(path);
      return document("i-0123456789abcdef0\n");
    },
  };

  const id = await readInstanceIdOf(metadata)(neverAborted());

  expect([id, ...asked]).toEqual(["i-0123456789abcdef0", "/latest/meta-data/instance-id"]);
});

test.each([
  ["an error", document("no", 403), "status 403"],
  ["a page", document("<html>"), "not an instance id"],
  ["something endless", document("x".repeat(5_000)), "not an instance id"],
  ["nothing", document(""), "not an instance id"],
  ["silence", { kind: "silent" }, "did not answer in time"],
  ["a failure", { kind: "failed", reason: "nobody listens" }, "nobody listens"],
] as const)("%s is told as a reason", async (_, answer, reason) => {
  const reading = readInstanceIdOf(answering(answer))(neverAborted());

  await expect(reading).rejects.toThrow(InstanceIdError);
  await expect(reading).rejects.toThrow(reason);
});

test("a caller that leaves gets its own reason", async () => {
  const metadata: InstanceMetadata = { get: async (_, signal) => signal.throwIfAborted() ?? document("never") };

  const reading = readInstanceIdOf(metadata)(AbortSignal.abort(new Error("no answer within 900 ms")));

  await expect(reading).rejects.toThrow("no answer within 900 ms");
});
