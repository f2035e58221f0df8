import { describe, expect, test } from "bun:test";
import type { NodeUpdate } from "../../../../src/domain/node-pod.ts";
import { setUp } from "./set-up.ts";

describe("a namespace with more pods than are decided in one turn", () => {
  /** More than a turn's on the first nodes alone. */
  const podsANode = 200;
  const nodeNames = ["node-a", "node-b", "node-c", "node-d"];

  async function setUpMany() {
    const hub = setUp();
    for (const nodeName of nodeNames) {
      for (let index = 0; index < podsANode; index += 1) {
        hub.put({ uid: `${nodeName}-${index}`, nodeName, role: "reader", addresses: [] });
      }
    }
    const streams = nodeNames.map((nodeName) => hub.watch(nodeName));
    for (const stream of streams) {
      await stream.next();
    }
    hub.sts.calls[0]?.issue();
    for (const stream of streams) {
      await stream.soon();
    }
    return { hub, streams };
  }
  const kindsIn = (update: NodeUpdate | undefined) =>
    update === undefined || update.kind === "heartbeat" ? [] : update.pods.map(({ decision }) => decision.kind);

  test("is told in the end to every agent, all of its pods, without anything having happened besides", async () => {
    const { hub, streams } = await setUpMany();
    await using _hub = hub;
    const last = streams.at(-1);

    hub.permit("writer");
    const isWaiting = last?.next();
    await hub.clock.advance(0);

    expect(kindsIn(await isWaiting)).toEqual(Array.from({ length: podsANode }, () => "denied"));
  });

  test("is told before anything else is said to an agent, and to one that comes: never what policy said before", async () => {
    const { hub, streams } = await setUpMany();
    await using _hub = hub;
    const former = hub.decided.length;

    hub.permit("writer");
    const atOnce = hub.decided.length - former;
    using another = hub.watch("node-d");
    const snapshot = await another.soon();
    const changes = await streams[2]?.soon();

    expect(atOnce).toBeLessThan(nodeNames.length * podsANode);
    expect(new Set(kindsIn(snapshot))).toEqual(new Set(["denied"]));
    expect(snapshot?.kind === "snapshot" && snapshot.identities).toEqual([]);
    expect(kindsIn(changes)).toEqual(Array.from({ length: podsANode }, () => "denied"));
  });
});
