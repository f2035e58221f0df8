import { expect, test } from "bun:test";
import { createReplicaAsker } from "../../../../src/agent/feed/ask-replicas.ts";
import { type Replica, ReplicaError } from "../../../../src/agent/feed/replica.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { settle } from "../../../fakes/clock.ts";
import { aNodePod } from "../../../fakes/node-pods.ts";
import { anAddress } from "../../../fakes/pods.ts";
import { createReplicas, type FakeReplica } from "../../../fakes/replicas.ts";

const address = anAddress("10.0.0.1");
const options = { withCredentials: true };
const never = neverAborted();
const found = { kind: "answer", answer: { pod: aNodePod() } } as const;
const lost = { kind: "lost", reason: "connection reset" } as const;

function anAsker(replica: Partial<Pick<FakeReplica, "answer">> = {}) {
  const replicas = createReplicas();
  const streaming: { current: Replica | undefined } = { current: undefined };
  let chosen = 0;
  const asker = createReplicaAsker({
    current: () => streaming.current,
    choice: {
      next: async () => {
        chosen += 1;
        return `10.1.0.${chosen}`;
      },
    },
    openReplica(where) {
      const opened = replicas.open(where);
      Object.assign(replicas.newest, replica);
      return opened;
    },
  });
  return { asker, replicas, streaming };
}

test("the replica whose stream is open is asked", async () => {
  const { asker, replicas, streaming } = anAsker();
  streaming.current = replicas.open("10.1.0.99");
  replicas.newest.answer = async () => found;

  const outcome = await asker.ask(address, options, never);

  expect(outcome).toEqual(found);
  expect(replicas.opened.map((replica) => replica.address)).toEqual(["10.1.0.99"]);
});

test("no pod at the address is an answer, and is not asked again", async () => {
  const { asker, replicas, streaming } = anAsker();
  streaming.current = replicas.open("10.1.0.99");

  const outcome = await asker.ask(address, options, never);

  expect(outcome).toEqual({ kind: "not-found" });
  expect(replicas.newest.asked.length).toBe(1);
});

test("a connection that fails has another replica asked once", async () => {
  const { asker, replicas, streaming } = anAsker();
  streaming.current = replicas.open("10.1.0.99");
  const [failing] = replicas.opened;
  if (failing !== undefined) {
    failing.answer = async () => lost;
  }

  const outcome = await asker.ask(address, options, never);

  expect(outcome).toEqual({ kind: "not-found" });
  expect(replicas.opened.map(({ address: where, asked }) => [where, asked.length])).toEqual([
    ["10.1.0.99", 1],
    ["10.1.0.1", 1],
  ]);
});

test("two connections that fail are enough, and those opened for asking are closed", async () => {
  const { asker, replicas } = anAsker({ answer: async () => lost });

  const outcome = await asker.ask(address, options, never);

  expect(outcome).toEqual({ kind: "unreachable", reason: "connection reset" });
  expect(replicas.opened.map(({ isRetired }) => isRetired)).toEqual([true, true]);
});

test("while a stream is open what could not be asked may still come by it", async () => {
  const { asker, replicas, streaming } = anAsker({ answer: async () => lost });
  streaming.current = replicas.open("10.1.0.99");
  replicas.newest.answer = async () => lost;

  const outcome = await asker.ask(address, options, never);

  expect(outcome).toEqual({ kind: "unavailable", reason: "connection reset" });
});

test("while no stream is open all questions share one connection", async () => {
  const { asker, replicas } = anAsker();

  await Promise.all([asker.ask(address, options, never), asker.ask(anAddress("10.0.0.2"), options, never)]);

  expect(replicas.opened.map(({ asked }) => asked.length)).toEqual([2]);
});

test("a refusal is not asked again", async () => {
  const { asker, replicas, streaming } = anAsker();
  streaming.current = replicas.open("10.1.0.99");
  replicas.newest.answer = async () => ({ kind: "unavailable", reason: "wrong node" });

  const outcome = await asker.ask(address, options, never);

  expect(outcome).toEqual({ kind: "unavailable", reason: "wrong node" });
  expect(replicas.newest.asked.length).toBe(1);
});

test("no usable certificate is told as the reason", async () => {
  const { asker, replicas } = anAsker();
  replicas.problem = new ReplicaError("not-ready", "there is no usable certificate");

  const outcome = await asker.ask(address, options, never);

  expect(outcome).toEqual({ kind: "unreachable", reason: "there is no usable certificate" });
});

test("a caller that hangs up leaves the connection to the others", async () => {
  const { asker, replicas, streaming } = anAsker();
  streaming.current = replicas.open("10.1.0.99");
  replicas.newest.answer = (signal) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const caller = new AbortController();

  const asking = asker.ask(address, options, caller.signal);
  await settle();
  caller.abort(new Error("hung up"));

  await expect(asking).rejects.toThrow("hung up");
  expect(replicas.opened.map(({ isRetired }) => isRetired)).toEqual([false]);
});

test("released, it closes what it opened for asking", async () => {
  const { asker, replicas } = anAsker();
  await asker.ask(address, options, never);

  asker.release();
  await settle();

  expect(replicas.newest.isRetired).toBe(true);
});
