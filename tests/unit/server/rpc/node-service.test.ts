import { describe, expect, test } from "bun:test";
import { Code } from "@connectrpc/connect";
import type { NodeUpdate } from "../../../../src/domain/node-pod.ts";
import { fromLookupPodResponse, fromWatchNodeResponse } from "../../../../src/rpc/convert.ts";
import { settle } from "../../../fakes/clock.ts";
import { aUid } from "../../../fakes/pods.ts";
import { failureOf, setUp, type TestClients } from "./set-up.ts";

interface WatchClaim {
  readonly nodeName?: string;
  readonly hostIp?: string;
}

/** A stream's updates, and how it ends. */
function openStream({ node }: TestClients, claim: WatchClaim = {}, signal?: AbortSignal) {
  const stream = node.watchNode({ claim }, signal === undefined ? {} : { signal })[Symbol.asyncIterator]();
  return {
    async next(): Promise<NodeUpdate | undefined> {
      const result = await stream.next();
      return result.done === true ? undefined : fromWatchNodeResponse(result.value);
    },
  };
}

const nodeOf = (update: NodeUpdate | undefined) => (update?.kind === "snapshot" ? update.nodeName : undefined);
const uidsOf = (update: NodeUpdate | undefined) =>
  update?.kind === "snapshot" ? update.pods.map(({ uid }) => uid) : [];

describe("watching a node", () => {
  test("a proven agent gets its node, whether it names it or not, and the credentials as they come", async () => {
    const server = setUp({ mode: "required" });
    server.put({ uid: "a", role: "reader" });
    server.put({ uid: "far", nodeName: "node-b", addresses: ["10.0.1.1"] });
    const agent = server.as({ certifiedFor: "node-a" });
    const unnamed = await openStream(agent).next();
    const stream = openStream(agent, { nodeName: "node-a" });
    const named = await stream.next();

    const granted = stream.next();
    await server.answerSts();

    expect([nodeOf(unnamed), uidsOf(unnamed)]).toEqual(["node-a", [aUid("a")]]);
    expect([nodeOf(named), uidsOf(named)]).toEqual(["node-a", [aUid("a")]]);
    expect(await granted).toMatchObject({
      kind: "changes",
      identities: [{ result: { kind: "issued", credentials: { secretAccessKey: "secret-0" } } }],
    });
  });

  test("a proven agent that names another node is refused, and learns nothing of it", async () => {
    const server = setUp();
    server.put({ uid: "far", nodeName: "node-b" });

    const error = await failureOf(openStream(server.as({ certifiedFor: "node-a" }), { nodeName: "node-b" }).next());

    expect(Code[error.code]).toBe("PermissionDenied");
    expect(server.logger.lines.map(({ message }) => message)).toEqual(["refusing an agent"]);
    expect(await server.counted("kiam_agent_calls_total")).toEqual({ refused: 1 });
  });

  test("an unproven agent is refused where proof is required", async () => {
    const server = setUp({ mode: "required" });

    const error = await failureOf(openStream(server.as(), { nodeName: "node-a" }).next());

    expect(Code[error.code]).toBe("Unauthenticated");
  });

  test("an unproven agent is served where proof is preferred, is counted, and warned about once", async () => {
    const server = setUp();
    server.put({ uid: "a" });

    for (const remoteAddress of ["192.168.0.1", "192.168.0.1", "192.168.0.2"]) {
      const snapshot = await openStream(server.as({ remoteAddress }), { nodeName: "node-a" }).next();
      expect(uidsOf(snapshot)).toEqual([aUid("a")]);
    }

    expect(server.logger.lines.map(({ level, fields }) => [level, fields?.["addr"]])).toEqual([
      ["warn", "192.168.0.1"],
      ["warn", "192.168.0.2"],
    ]);
    expect(await server.counted("kiam_agent_calls_total")).toEqual({ unproven: 3 });
  });

  test("an agent that proved its node and then does not is warned about again", async () => {
    const server = setUp();

    for (const certifiedFor of [undefined, "node-a", undefined]) {
      const proof = certifiedFor === undefined ? {} : { certifiedFor };
      await openStream(server.as(proof), { nodeName: "node-a" }).next();
    }

    expect(server.logger.lines.length).toBe(2);
  });

  test("an unproven agent that knows no node name is served the node whose pods have its host's address", async () => {
    const server = setUp();
    server.put({ uid: "a", hostIp: "192.168.0.7" });
    server.put({ uid: "six", nodeName: "node-6", hostIp: "fd00::6" });
    server.put({ uid: "not started", nodeName: "node-c", hostIp: "" });

    const byV4 = await openStream(server.as(), { hostIp: "192.168.0.7" }).next();
    const byV6 = await openStream(server.as(), { hostIp: "FD00:0::6" }).next();
    const unknown = await failureOf(openStream(server.as(), { hostIp: "192.168.0.8" }).next());
    const nothing = await failureOf(openStream(server.as()).next());

    expect([nodeOf(byV4), nodeOf(byV6)]).toEqual(["node-a", "node-6"]);
    expect([Code[unknown.code], unknown.rawMessage.includes("192.168.0.8")]).toEqual(["NotFound", true]);
    expect(Code[nothing.code]).toBe("NotFound");
  });

  test("a claim or a header that is malformed is refused as such", async () => {
    const server = setUp();

    const badAddress = await failureOf(openStream(server.as(), { hostIp: "192.168.0.256" }).next());
    const longName = await failureOf(openStream(server.as(), { nodeName: "n".repeat(254) }).next());
    const badToken = await failureOf(openStream(server.as({ token: "two words" }), { nodeName: "node-a" }).next());

    expect([badAddress, longName, badToken].map(({ code, rawMessage }) => [Code[code], rawMessage])).toEqual([
      ["InvalidArgument", "claim.host_ip is malformed"],
      ["InvalidArgument", "claim.node_name is malformed"],
      ["InvalidArgument", "authorization is malformed"],
    ]);
  });
});

describe("a stream on an agent's token", () => {
  const claims = { exp: Date.UTC(2026, 0, 1) / 1000 + 600 };
  const token = `e30.${btoa(JSON.stringify(claims)).replace(/=+$/, "")}.c2ln`;
  const reviewed = {
    kind: "authenticated",
    username: "system:serviceaccount:kiam:kiam-agent",
    audiences: ["kiam-server"],
    podUid: "agent",
  } as const;
  const setUpWithToken = () => {
    const server = setUp({ mode: "required", reviewToken: async () => reviewed });
    server.put({ uid: "agent", namespace: "kiam", addresses: [] });
    server.put({ uid: "a" });
    return { server, stream: openStream(server.as({ token })) };
  };

  test("ends with a code that has the agent prove its node again, when the token expires", async () => {
    const { server, stream } = setUpWithToken();
    const snapshot = await stream.next();
    const end = failureOf(readToEnd(stream));

    await server.clock.advance(600_000);

    expect(nodeOf(snapshot)).toBe("node-a");
    const error = await end;
    expect([Code[error.code], error.rawMessage]).toEqual(["Unauthenticated", "the agent's token has expired"]);
  });

  test("ends the same way when the agent's pod goes, and holds nothing then", async () => {
    const { server, stream } = setUpWithToken();
    await stream.next();
    const end = failureOf(readToEnd(stream));

    server.pods.remove(aUid("agent"));

    const error = await end;
    expect([Code[error.code], error.rawMessage]).toEqual(["Unauthenticated", "the agent's pod is gone"]);
    expect(await server.counted("kiam_feed_streams")).toEqual({ "": 0 });
  });

  async function readToEnd({ next }: ReturnType<typeof openStream>): Promise<void> {
    while ((await next()) !== undefined) {}
  }
});

describe("looking a pod up", () => {
  const claim = { nodeName: "node-a" };
  const lookUp = async ({ node }: TestClients, address: string, withCredentials = true) =>
    fromLookupPodResponse(await node.lookupPod({ claim, address, withCredentials }));

  test("answers the pod and its credentials, waited for", async () => {
    const server = setUp();
    server.put({ uid: "a", role: "reader" });

    const answer = lookUp(server.as({ certifiedFor: "node-a" }), "10.0.0.1");
    await server.answerSts();

    expect(await answer).toMatchObject({
      pod: { uid: "a", decision: { kind: "allowed" } },
      identity: { result: { kind: "issued", credentials: { secretAccessKey: "secret-0" } } },
    });
  });

  test("answers the pod alone, without STS, where that is asked, and where it may have no role", async () => {
    const server = setUp();
    server.put({ uid: "a", role: "reader" });
    server.put({ uid: "denied", role: "admin", addresses: ["10.0.0.2"] });
    server.put({ uid: "plain", addresses: ["fd00::3"] });
    const agent = server.as({ certifiedFor: "node-a" });

    const answers = [
      await lookUp(agent, "10.0.0.1", false),
      await lookUp(agent, "10.0.0.2"),
      await lookUp(agent, "FD00:0:0::3"),
    ];

    expect(answers.map(({ pod, identity }) => [pod.uid, pod.decision.kind, identity])).toEqual([
      [aUid("a"), "allowed", undefined],
      [aUid("denied"), "denied", undefined],
      [aUid("plain"), "no-role", undefined],
    ]);
    expect(server.sts.calls).toEqual([]);
  });

  test("tells a proven agent the same of another node's pod as of nobody, after the same time", async () => {
    const server = setUp();
    server.put({ uid: "far", nodeName: "node-b", role: "reader" });
    const agent = server.as({ certifiedFor: "node-a" });

    const errors = [];
    for (const address of ["10.0.0.1", "10.0.0.99"]) {
      const begunMs = server.clock.now();
      const call = failureOf(agent.node.lookupPod({ address, withCredentials: true }));
      await server.clock.waiting(800);
      await server.clock.advance(799);
      await server.clock.advance(1);
      const { code, rawMessage } = await call;
      errors.push([Code[code], rawMessage, server.clock.now() - begunMs]);
    }

    expect(errors[0]).toEqual(["NotFound", "no live pod of the node has the address", 800]);
    expect(errors[1]).toEqual(errors[0]);
    expect(server.sts.calls).toEqual([]);
  });

  test("tells nothing of two pods of another node that claim one address, either", async () => {
    const server = setUp();
    server.put({ uid: "far", nodeName: "node-b" });
    server.put({ uid: "far too", nodeName: "node-b" });

    const call = failureOf(server.as({ certifiedFor: "node-a" }).node.lookupPod({ address: "10.0.0.1" }));
    await server.clock.waiting(800);
    await server.clock.advance(800);

    expect(Code[(await call).code]).toBe("NotFound");
  });

  test("refuses where two pods of the node claim the address and nothing says which has it", async () => {
    const server = setUp();
    server.put({ uid: "a" });
    server.put({ uid: "b" });

    const call = failureOf(lookUp(server.as({ certifiedFor: "node-a" }), "10.0.0.1"));
    await server.clock.waiting(800);
    await server.clock.advance(800);

    expect(Code[(await call).code]).toBe("FailedPrecondition");
  });

  test("waits for an address that the watch brings in time", async () => {
    const server = setUp();
    server.put({ uid: "a", addresses: [] });
    const answer = lookUp(server.as({ certifiedFor: "node-a" }), "10.0.0.1", false);
    await server.clock.waiting(800);
    await server.clock.advance(799);

    server.put({ uid: "a", addresses: ["10.0.0.1"] });

    expect((await answer).pod.uid).toBe(aUid("a"));
  });

  test("does not take a pod of another node for the one that got its address and is not known yet", async () => {
    const server = setUp();
    server.put({ uid: "former", nodeName: "node-b", role: "writer" });
    const agents = [server.as({ certifiedFor: "node-a" }), server.as()];
    const answers = agents.map((agent) => lookUp(agent, "10.0.0.1", false));
    await server.clock.waiting(800);

    server.put({ uid: "new", role: "reader" });

    expect((await Promise.all(answers)).map(({ pod }) => pod.uid)).toEqual([aUid("new"), aUid("new")]);
  });

  test("an address that is none is malformed, and asks nobody for proof", async () => {
    const server = setUp({ mode: "required" });

    const error = await failureOf(server.as().node.lookupPod({ address: "10.0.0" }));

    expect([Code[error.code], error.rawMessage]).toEqual(["InvalidArgument", "address is malformed"]);
  });

  test("ends with the server's own reason when the server stops", async () => {
    const server = setUp();
    const call = failureOf(server.as().node.lookupPod({ claim, address: "10.0.0.1" }));
    await settle();
    await server.clock.waiting(800);

    server.stop();

    const error = await call;
    expect([Code[error.code], error.rawMessage]).toEqual(["Unavailable", "stopping"]);
  });
});
