import type { Observed } from "../../../src/domain/observed.ts";
import type { Namespace, Pod, PodUid } from "../../../src/domain/pod.ts";
import { parsePod } from "../../../src/kubernetes/parse-pod.ts";
import { rawPod } from "../../fakes/api-objects.ts";

/** What became of one object, at one version. */
export interface LogEntry<Item> {
  readonly version: number;
  /** A pod's UID, or a namespace's name. */
  readonly id: string;
  /** Absent where it is gone. */
  readonly item?: Item;
}

/** What an API server knows of its pods and namespaces, and ever knew. */
export interface ApiLog {
  readonly pods: readonly LogEntry<Pod>[];
  readonly namespaces: readonly LogEntry<Namespace>[];
  /** The newest. */
  readonly version: number;
  /** Writes a pod as its kubelet and its owner would. */
  putPod(state: PodState): void;
  removePod(uid: string): void;
  putNamespace(name: string, permitted: string): void;
  removeNamespace(name: string): void;
}

/** Of a pod, what a history changes. */
export interface PodState {
  readonly uid: string;
  readonly namespace: string;
  readonly nodeName: string;
  readonly role: string | undefined;
  readonly sessionName: string | undefined;
  readonly addresses: readonly string[];
  readonly startedAtMs: number;
  readonly network: "own" | "host";
  readonly maker: "owner" | "kubelet";
  readonly phase: "Pending" | "Running" | "Succeeded" | "Failed";
  readonly isBeingDeleted: boolean;
  /** All its containers, for good. */
  readonly hasEnded: boolean;
}

export function createApiLog(): ApiLog {
  const pods: LogEntry<Pod>[] = [];
  const namespaces: LogEntry<Namespace>[] = [];
  let version = 1_000;

  function next(): number {
    version += 1;
    return version;
  }

  return {
    pods,
    namespaces,
    get version() {
      return version;
    },
    putPod(state) {
      const at = next();
      const observed = parsePod(rawOf(state, String(at)));
      pods.push({ version: at, id: state.uid, ...itemOf(observed) });
    },
    removePod: (uid) => void pods.push({ version: next(), id: uid }),
    putNamespace(name, permitted) {
      const at = next();
      namespaces.push({ version: at, id: name, item: { name, permitted, resourceVersion: String(at) } });
    },
    removeNamespace: (name) => void namespaces.push({ version: next(), id: name }),
  };
}

/** An object as it was at a version; `undefined` where it was gone, or not there yet. */
export function itemAt<Item>(log: readonly LogEntry<Item>[], id: string, version: number): Item | undefined {
  return log.findLast((entry) => entry.id === id && entry.version <= version)?.item;
}

/** All that there was at a version. */
export function itemsAt<Item>(log: readonly LogEntry<Item>[], version: number): readonly Item[] {
  const ids = new Set(log.map(({ id }) => id));
  return [...ids].map((id) => itemAt(log, id, version)).filter((item) => item !== undefined);
}

function itemOf(observed: Observed<Pod, PodUid>): { readonly item?: Pod } {
  return observed.kind === "live" ? { item: observed.item } : {};
}

function rawOf(state: PodState, resourceVersion: string): unknown {
  const { uid, namespace, nodeName, role, sessionName, addresses, phase } = state;
  const annotations = {
    ...(role === undefined ? {} : { "iam.amazonaws.com/role": role }),
    ...(sessionName === undefined ? {} : { "iam.amazonaws.com/session-name": sessionName }),
    ...(state.maker === "kubelet" ? { "kubernetes.io/config.mirror": "of a file" } : {}),
  };
  const deletion = state.isBeingDeleted ? { deletionTimestamp: "2026-01-01T01:00:00Z" } : {};
  const ended = [{ name: "app", state: { terminated: { exitCode: 0 } } }];
  return rawPod({
    name: uid,
    uid,
    resourceVersion,
    metadata: { namespace, annotations, ...deletion },
    spec: { nodeName, restartPolicy: "Never", hostNetwork: state.network === "host" },
    status: {
      phase,
      startTime: new Date(state.startedAtMs).toISOString(),
      podIP: addresses[0],
      podIPs: addresses.map((ip) => ({ ip })),
      ...(state.hasEnded ? { containerStatuses: ended } : {}),
    },
  });
}
