import { expect, test } from "bun:test";
import fc from "fast-check";
import type { NodePod, NodeUpdate } from "../../../../src/domain/node-pod.ts";
import { incomparable } from "../../../../src/domain/object-version.ts";
import type { Pod } from "../../../../src/domain/pod.ts";
import { type IdentityKey, identityKey, type RoleIdentity } from "../../../../src/domain/role-identity.ts";
import { toNodePod } from "../../../../src/server/policy/node-pod.ts";
import { settle } from "../../../fakes/clock.ts";
import { aPod, aUid } from "../../../fakes/pods.ts";
import { decideByName } from "../../../fakes/policy.ts";
import { keyNames } from "../../../fakes/sts.ts";
import { setUp, type TestStream } from "./set-up.ts";

const nodes = ["node-a", "node-b"];
const namespaceNames = ["default", "other"];
const roles = ["reader", "writer", "admin"];

const pick = <T>(...values: readonly T[]) => fc.constantFrom(...values);
const aStep = fc.oneof(
  fc.record({
    kind: fc.constant("put" as const),
    uid: fc.nat(4),
    nodeName: pick("", ...nodes),
    role: pick(undefined, ...roles),
    sessionName: pick("kiam", "other"),
    address: fc.nat(2),
  }),
  fc.record({ kind: fc.constant("remove" as const), uid: fc.nat(4) }),
  fc.record({ kind: fc.constant("list" as const), left: fc.subarray([0, 1, 2, 3, 4]) }),
  fc.record({ kind: fc.constant("permit" as const), name: pick(...namespaceNames), roles: fc.subarray(roles) }),
  fc.record({ kind: fc.constant("answer" as const), isIssued: fc.boolean(), which: fc.nat(5) }),
  fc.record({ kind: fc.constant("open" as const), nodeName: pick(...nodes) }),
  fc.record({ kind: fc.constant("leave" as const), which: fc.nat(3) }),
  fc.record({ kind: fc.constant("read" as const), which: fc.nat(3) }),
  fc.record({ kind: fc.constant("wait" as const), ms: pick(1_000, 10_000) }),
);
type Step = typeof aStep extends fc.Arbitrary<infer Value> ? Value : never;

/** What is said of a pod; a newer version of the same is not worth a message. */
const said = ({ versions: _, ...rest }: NodePod) => rest;
const byUid = (pods: readonly Pick<NodePod, "uid">[]) => Object.fromEntries(pods.map((pod) => [pod.uid, pod]));

/** An agent that believes what it is told, and what may have been said to it since it last looked. */
interface Agent {
  readonly nodeName: string;
  readonly stream: TestStream;
  readonly pods: Map<string, NodePod>;
  readonly keys: Map<IdentityKey, string>;
  /** Identities that a pod of the node could have, and pods that it had, at some moment since the last look. */
  readonly allowed: Map<IdentityKey, RoleIdentity>;
  readonly lived: Set<string>;
}

/** A whole server side under the test's hands, with any number of agents. */
function play() {
  const hub = setUp();
  const agents: Agent[] = [];
  const answered = new Set<unknown>();
  let version = 10_000;
  const pendingCalls = () => hub.sts.calls.filter((call) => !answered.has(call));

  function decisionsOn(nodeName: string) {
    return hub.pods
      .onNode(nodeName)
      .map((pod) => ({ pod, decision: decideByName(pod, hub.namespaces.permitted(pod.namespace)) }));
  }
  function witness(): void {
    for (const { nodeName, allowed, lived } of agents) {
      for (const { pod, decision } of decisionsOn(nodeName)) {
        lived.add(pod.uid);
        if (decision.kind === "allowed") {
          allowed.set(identityKey(decision.identity), decision.identity);
        }
      }
    }
  }

  function believe(agent: Agent, update: NodeUpdate): void {
    if (update.kind === "heartbeat") {
      return;
    }
    for (const pod of update.pods) {
      expect(agent.lived).toContain(pod.uid);
      agent.pods.set(pod.uid, pod);
    }
    for (const { uid } of update.kind === "changes" ? update.removed : []) {
      agent.pods.delete(uid);
    }
    for (const { identity, result } of update.identities) {
      const allowed = agent.allowed.get(identity);
      expect(allowed).toBeDefined();
      if (allowed !== undefined && result.kind === "issued") {
        expect(keyNames(result.credentials, allowed)).toBeTrue();
        agent.keys.set(identity, result.credentials.accessKeyId);
      }
    }
  }
  async function read(agent: Agent): Promise<boolean> {
    const update = await agent.stream.soon();
    witness();
    if (update !== undefined) {
      believe(agent, update);
      agent.allowed.clear();
      agent.lived.clear();
      witness();
    }
    return update !== undefined;
  }
  const podOf = (step: Extract<Step, { kind: "put" }>): Pod => {
    version += 1;
    return aPod({
      uid: `pod-${step.uid}`,
      namespace: namespaceNames[step.uid % 2] ?? "",
      nodeName: step.nodeName,
      addresses: [`10.0.0.${step.address}`],
      resourceVersion: String(version),
      ...(step.role === undefined
        ? {}
        : { request: { source: "pod-annotation", role: step.role, sessionName: step.sessionName } }),
    });
  };

  async function act(step: Step): Promise<void> {
    switch (step.kind) {
      case "put":
        return hub.pods.upsert(podOf(step));
      case "remove":
        return hub.pods.remove(aUid(`pod-${step.uid}`));
      case "list": {
        const left = step.left.map((uid) => hub.pods.get(aUid(`pod-${uid}`)));
        return hub.pods.replaceAll(left.filter((pod) => pod !== undefined));
      }
      case "permit":
        return hub.permit(step.roles.join("|"), step.name);
      case "answer": {
        const calls = pendingCalls();
        const call = calls[step.which % Math.max(calls.length, 1)];
        answered.add(call);
        if (step.isIssued) {
          call?.issue();
        } else {
          call?.fail("unavailable");
        }
        return;
      }
      case "open": {
        const stream = hub.watch(step.nodeName);
        const agent = {
          ...step,
          stream,
          pods: new Map(),
          keys: new Map(),
          allowed: new Map(),
          lived: new Set<string>(),
        };
        agents.push(agent);
        witness();
        await read(agent);
        return;
      }
      case "leave": {
        const [left] = agents.splice(step.which, 1);
        return left?.stream.leave();
      }
      case "read": {
        const agent = agents[step.which];
        await (agent === undefined ? settle() : read(agent));
        return;
      }
      case "wait":
        return hub.clock.advance(step.ms);
      default:
        return step satisfies never;
    }
  }

  function expectTruth({ nodeName, pods, keys }: Agent): void {
    const truth = decisionsOn(nodeName);
    const expected = truth.map(({ pod, decision }) => said(toNodePod(pod, decision, incomparable)));
    expect(byUid([...pods.values()].map(said))).toEqual(byUid(expected));
    for (const { decision } of truth) {
      const key = decision.kind === "allowed" ? identityKey(decision.identity) : undefined;
      const held = key === undefined ? undefined : hub.issuance.peek(key);
      if (key !== undefined && held?.kind === "issued") {
        expect(keys.get(key)).toBe(held.credentials.accessKeyId);
      }
    }
  }

  return {
    agents,
    hub,
    expectTruth,
    async take(step: Step) {
      await act(step);
      witness();
    },
    /** Everything that is under way arrives. */
    async finish() {
      for (let round = 0; round < 20 && pendingCalls().length > 0; round += 1) {
        await act({ kind: "answer", isIssued: true, which: 0 });
        await settle();
      }
      for (const agent of agents) {
        while (await read(agent)) {}
      }
    },
  };
}

test("whatever happens, an agent is told of its node's pods only and gets the credentials of their roles only, and in the end knows what is true", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(aStep, { minLength: 10, maxLength: 60, size: "max" }), async (steps) => {
      const played = play();
      await using _hub = played.hub;
      await played.take({ kind: "open", nodeName: "node-a" });

      for (const step of steps) {
        await played.take(step);
      }
      await played.finish();

      for (const agent of played.agents) {
        played.expectTruth(agent);
      }
    }),
    { numRuns: 100 },
  );
}, 60_000);
