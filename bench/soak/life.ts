import { rawPod, watchEvent } from "../../tests/fakes/api-objects.ts";
import type { Dice } from "../../tests/fixtures/dice.ts";
import { type Addresses, createAddresses } from "./addresses.ts";

/** A pod that may be asked for credentials: it is on the watched node and has an address. */
export interface ReadablePod {
  readonly address: string;
  readonly role: string;
}

/** One line of a watch. */
export interface Happening {
  readonly resource: "pods" | "namespaces";
  readonly version: number;
  readonly line: string;
}

/** A cluster in which pods come, change and go, and namespaces permit now this and now that. */
export interface Life {
  next(): Happening;
  readonly version: number;
  /** As the API server would list them now. */
  objects(resource: Happening["resource"]): readonly unknown[];
  /** Those that stay for ever, permitted for ever. */
  readonly steady: readonly ReadablePod[];
  anyReadable(): ReadablePod | undefined;
  /** Whether a pod at the address has had the role in the last so many milliseconds. */
  hadLately(address: string, role: string, withinMs: number): boolean;
}

export const watchedNode = "node-0";
export const livePods = 5_000;
export const roles = 200;
export const namespaces = 50;
const nodes = 100;
const steadyPods = 20;
/** Of the watched node: half a thousand, more than a kubelet takes. */
const partOnWatchedNode = 0.1;
/** STS has nothing for it; see {@link isRefused}. */
const refusedRole = `role-${roles - 1}`;

/** What the other fields of a pod take: managed fields, volumes, probes. */
const padding = "x".repeat(2_000);

const steadyNamespace = "steady";
const anyRole = ".*";

export const isRefused = (role: string): boolean => role === refusedRole;

interface Living {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly node: string;
  role: string;
  session: string;
  address: string;
  stage: Stage;
  version: number;
}

const stages = ["new", "scheduled", "running", "ready", "changed", "changed again", "ending"] as const;
type Stage = (typeof stages)[number];

export function createLife(dice: Dice): Life {
  const pods: Living[] = [];
  const readable: Living[] = [];
  const patterns = new Map<string, { pattern: string; version: number }>();
  const addresses: Addresses = createAddresses();
  let version = 1;
  let serial = 0;

  function objectOf(pod: Living): unknown {
    const isScheduled = pod.stage !== "new";
    return rawPod({
      name: pod.name,
      uid: pod.uid,
      resourceVersion: String(pod.version),
      metadata: {
        namespace: pod.namespace,
        ...(pod.stage === "ending" ? { deletionTimestamp: "2026-01-01T00:01:00Z" } : {}),
        annotations: {
          ...(pod.role === "" ? {} : { "iam.amazonaws.com/role": pod.role }),
          ...(pod.session === "" ? {} : { "iam.amazonaws.com/session-name": pod.session }),
          stage: pod.stage,
          padding,
        },
      },
      spec: isScheduled ? { nodeName: pod.node } : { nodeName: undefined },
      status: {
        phase: pod.address === "" ? "Pending" : "Running",
        hostIP: isScheduled ? `192.168.0.${pod.node.slice("node-".length)}` : undefined,
        podIP: pod.address || undefined,
        podIPs: pod.address === "" ? [] : [{ ip: pod.address }],
      },
    });
  }

  const namespaceOf = (name: string, { pattern, version: at }: { pattern: string; version: number }): unknown => ({
    metadata: { name, resourceVersion: String(at), annotations: { "iam.amazonaws.com/permitted": pattern } },
  });

  function told(type: string, pod: Living): Happening {
    version += 1;
    pod.version = version;
    return { resource: "pods", version, line: lineOf(type, objectOf(pod)) };
  }

  /** Mostly one that namespaces permit; some are permitted nowhere, each another; some pods ask for none. */
  function nextRole(): string {
    const chance = dice.random();
    return chance < 0.1 ? "" : chance < 0.2 ? `forbidden-${serial}` : `role-${dice.between(0, roles - 1)}`;
  }

  function born(): Living {
    serial += 1;
    const isWatched = dice.happens(partOnWatchedNode);
    return {
      uid: `${String(serial).padStart(8, "0")}-0000-4000-8000-00000000beef`,
      name: `app-${dice.between(0, 999)}-${serial}`,
      namespace: `team-${dice.between(0, namespaces - 1)}`,
      node: isWatched ? watchedNode : `node-${dice.between(1, nodes - 1)}`,
      role: nextRole(),
      // Identities come and go too: every so many pods there is another session.
      session: dice.happens(0.05) ? `batch-${Math.floor(serial / 2_000)}` : "",
      ...{ address: "", stage: "new", version: 0 },
    };
  }

  function create(): Happening {
    const pod = born();
    pods.push(pod);
    return told("ADDED", pod);
  }

  function advance(index: number): Happening {
    const pod = pods[index];
    if (pod === undefined) {
      return create();
    }
    if (pod.stage === "ending") {
      return end(pod, index);
    }
    pod.stage = stages[stages.indexOf(pod.stage) + 1] ?? "ending";
    if (pod.stage === "running") {
      pod.address = addresses.take(pod.node === watchedNode);
      addresses.note(pod.address, pod.role);
      if (pod.node === watchedNode) {
        readable.push(pod);
      }
    } else if (pod.stage === "changed again" && dice.happens(0.3)) {
      pod.role = nextRole();
      addresses.note(pod.address, pod.role);
    }
    return told("MODIFIED", pod);
  }

  function end(pod: Living, index: number): Happening {
    takeOut(pods, index);
    takeOut(readable, readable.indexOf(pod));
    addresses.giveBack(pod.address);
    return told("DELETED", pod);
  }

  /** Never the same pattern twice, as a tenant who means no good would have it; now and then a narrower one. */
  function change(name: string): Happening {
    version += 1;
    const some = dice.happens(0.2) ? "role-[0-5].*" : "role-.*";
    const permits = { pattern: `arn:aws:iam::123456789012:role/(?:${some}|never-${version})`, version };
    patterns.set(name, permits);
    return { resource: "namespaces", version, line: lineOf("MODIFIED", namespaceOf(name, permits)) };
  }

  function next(): Happening {
    if (dice.happens(1 / 300)) {
      return change(`team-${dice.between(0, namespaces - 1)}`);
    }
    return pods.length < livePods ? create() : advance(dice.between(0, pods.length - 1));
  }

  const steady = Array.from({ length: steadyPods }, (_, index): Living => {
    const name = `steady-${index}`;
    const address = `127.1.255.${index + 1}`;
    return {
      ...{ uid: name, name, namespace: steadyNamespace, node: watchedNode, role: `role-${index}`, session: "" },
      ...{ address, stage: "ready", version },
    };
  });
  patterns.set(steadyNamespace, { pattern: anyRole, version });
  for (let team = 0; team < namespaces; team += 1) {
    change(`team-${team}`);
  }
  for (let before = 0; before < livePods * stages.length * 2; before += 1) {
    next();
  }

  return {
    next,
    get version() {
      return version;
    },
    objects: (resource) =>
      resource === "pods"
        ? [...steady, ...pods].map(objectOf)
        : [...patterns].map(([name, permits]) => namespaceOf(name, permits)),
    steady,
    anyReadable: () => readable[dice.between(0, Math.max(readable.length - 1, 0))],
    hadLately: addresses.hadLately,
  };
}

const lineOf = (type: string, object: unknown): string => `${JSON.stringify(watchEvent(type, object))}\n`;

/** Order is of no importance. */
function takeOut<T>(list: T[], index: number): void {
  const last = index < 0 ? undefined : list.pop();
  if (last !== undefined && index < list.length) {
    list[index] = last;
  }
}
