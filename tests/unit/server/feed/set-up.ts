import type { NodePod, NodeUpdate } from "../../../../src/domain/node-pod.ts";
import type { Pod } from "../../../../src/domain/pod.ts";
import { identityKey } from "../../../../src/domain/role-identity.ts";
import { createHub, type Hub } from "../../../../src/server/feed/hub.ts";
import type { Decide } from "../../../../src/server/policy/policy.ts";
import { settle } from "../../../fakes/clock.ts";
import { aNamespace, aPod } from "../../../fakes/pods.ts";
import { decideByName } from "../../../fakes/policy.ts";
import { identityOf } from "../../../fakes/sts.ts";
import { metricOf } from "../../../fixtures/metrics.ts";
import { createServerStores } from "../../../fixtures/server-stores.ts";

export const heartbeatIntervalMs = 10_000;

/** A hub over real stores and issuance; STS and time are the test's. The namespace `default` permits reader and writer. */
export function setUp() {
  const { clock, sts, logger, registry, metrics, pods, namespaces, issuance, events } = createServerStores();
  const decided: Pod[] = [];
  const refused = new Set<string>();
  const decide: Decide = (pod, permitted) => {
    decided.push(pod);
    return decideByName(pod, refused.has(pod.request?.role ?? "") ? "" : permitted);
  };
  const hub = createHub({ pods, namespaces, decide, issuance, clock, logger, metrics, events, heartbeatIntervalMs });
  let version = 1_000;

  const stopping = new AbortController();
  const running = issuance.run(stopping.signal);

  namespaces.upsert(aNamespace({ permitted: "reader|writer" }));

  return {
    clock,
    sts,
    logger,
    metrics,
    pods,
    namespaces,
    issuance,
    hub,
    /** What pods were told by events. */
    eventsTold: events.told,
    /** Every pod that policy was asked about. */
    decided,
    /** Roles that policy has learned to deny. */
    refused,
    /** The watch tells of a pod, newer than whatever it told before. */
    put(overrides: Parameters<typeof aPod>[0] & { readonly role?: string } = {}): Pod {
      version += 1;
      const { role, ...rest } = overrides;
      const request = role === undefined ? {} : { request: { source: "pod-annotation" as const, role } };
      const pod = aPod({ resourceVersion: String(version), ...request, ...rest });
      pods.upsert(pod);
      return pod;
    },
    permit(permitted: string, name = "default"): void {
      version += 1;
      namespaces.upsert(aNamespace({ name, permitted, resourceVersion: String(version) }));
    },
    watch: (nodeName = "node-a") => openStream(hub, nodeName),
    metric: (name: string) => metricOf(registry, name),
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error("the test is over"));
      await running;
      hub[Symbol.dispose]();
    },
  };
}

/** A stream's reader. */
export interface TestStream extends Disposable {
  /** The next update, however long it takes. */
  next(): Promise<NodeUpdate>;
  /** What is sent without time going on; stops reading where nothing is. */
  soon(): Promise<NodeUpdate | undefined>;
  /** Whether the stream has ended. */
  ended(): Promise<boolean>;
  /** The reader goes away, reading or not. */
  leave(): void;
}

export function openStream(hub: Pick<Hub, "watch">, nodeName: string): TestStream {
  const leaving = new AbortController();
  const updates = hub.watch(nodeName, leaving.signal)[Symbol.asyncIterator]();
  let reading: Promise<IteratorResult<NodeUpdate>> | undefined;
  const leave = () => leaving.abort(new Error("the agent left"));

  /** A read that was begun goes on: nothing that is sent is lost between two looks. */
  function read(): Promise<IteratorResult<NodeUpdate>> {
    reading ??= updates.next();
    return reading;
  }
  async function take(): Promise<NodeUpdate> {
    const result = await read();
    reading = undefined;
    if (result.done === true) {
      throw new Error("the stream has ended");
    }
    return result.value;
  }
  async function isReady(): Promise<boolean> {
    let isDone = false;
    void read().then(() => {
      isDone = true;
    });
    await settle();
    return isDone;
  }

  return {
    next: take,
    soon: async () => ((await isReady()) ? take() : undefined),
    ended: async () => (await isReady()) && (await read()).done === true,
    leave,
    [Symbol.dispose]: leave,
  };
}

/** A pod as a test reads it: `reader-1 allowed arn:… at 10.0.0.1`. */
export function saying(pod: NodePod): string {
  const { decision } = pod;
  const what = decision.kind === "allowed" ? `allowed ${decision.role.split("/")[1]}` : decision.kind;
  return `${pod.uid} ${what}${pod.addresses.length > 0 ? ` at ${pod.addresses.join(" ")}` : ""}`;
}

/** An update as a test reads it. */
export function told(update: NodeUpdate | undefined) {
  switch (update?.kind) {
    case undefined:
      return undefined;
    case "heartbeat":
      return "heartbeat";
    case "snapshot":
      return { pods: update.pods.map(saying), keys: update.identities.map(keyOf) };
    case "changes":
      return {
        pods: update.pods.map(saying),
        removed: update.removed.map(({ uid }) => String(uid)),
        keys: update.identities.map(keyOf),
      };
    default:
      return update satisfies never;
  }
}

type IdentityState = Extract<NodeUpdate, { kind: "snapshot" }>["identities"][number];

/** The role and the serial number of the call that its credentials came from, or the failure's code. */
function keyOf({ identity, result }: IdentityState): string {
  const role = ["reader", "writer"].find((name) => identityKey(identityOf(name)) === identity) ?? identity;
  return `${role} ${result.kind === "issued" ? result.credentials.accessKeyId.split("-").at(-1) : result.failure.code}`;
}
