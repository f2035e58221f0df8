import { isDeepStrictEqual } from "node:util";
import type { Decision } from "../../domain/decision.ts";
import type { IdentityState, NodePod, NodeUpdate } from "../../domain/node-pod.ts";
import type { Pod, PodUid } from "../../domain/pod.ts";
import type { IdentityKey } from "../../domain/role-identity.ts";
import type { Issuance } from "../issuance/issuance.ts";
import { toNodePod } from "../policy/node-pod.ts";
import type { NamespaceStore } from "../workload/namespaces.ts";
import type { PodStore } from "../workload/pods.ts";
import type { Mailbox, Notices } from "./mailbox.ts";

export interface NodeFeedDeps {
  readonly decide: (pod: Pod) => Decision;
  readonly issuance: Pick<Issuance, "peek" | "want">;
  readonly pods: Pick<PodStore, "version" | "versionOf">;
  readonly namespaces: Pick<NamespaceStore, "versionOf">;
}

/**
 * What the agents of one node are told, while at least one of them listens: decided once per change, however many listen.
 * It wants the identity of each pod that may have one. Dispose it when the last listener has gone.
 */
export interface NodeFeed extends Disposable {
  /** A pod of the node is new or another, or is to be decided again. */
  put(pod: Pod): void;
  remove(uid: PodUid): void;
  /** The credentials of an identity are another; of no interest where no pod here uses it. */
  identityChanged(key: IdentityKey): void;
  readonly mailboxes: Set<Mailbox>;
  /** The pods that are told of. */
  uids(): Iterable<PodUid>;
  /** Those of them that may have the identity. */
  usersOf(key: IdentityKey): readonly PodUid[];
  /** What is to be said of everything, at this moment. */
  everything(): Pick<Extract<NodeUpdate, { kind: "snapshot" }>, "pods" | "identities" | "podsVersion">;
  /** What is to be said of what the notices name, at this moment; `undefined` for nothing. */
  changesOf(notices: Notices): NodeUpdate | undefined;
}

interface Entry {
  readonly nodePod: NodePod;
  readonly identity?: IdentityKey;
  readonly want?: Disposable;
}

export function createNodeFeed(pods: readonly Pod[], deps: NodeFeedDeps): NodeFeed {
  const entries = new Map<PodUid, Entry>();
  const users = new Map<IdentityKey, number>();
  const mailboxes = new Set<Mailbox>();

  function tell(say: (mailbox: Mailbox) => void): void {
    for (const mailbox of mailboxes) {
      say(mailbox);
    }
  }

  function use(key: IdentityKey): void {
    const count = users.get(key) ?? 0;
    users.set(key, count + 1);
    if (count === 0) {
      tell((mailbox) => mailbox.identityChanged(key));
    }
  }

  function release(key: IdentityKey): void {
    const count = users.get(key) ?? 0;
    if (count > 1) {
      users.set(key, count - 1);
      return;
    }
    users.delete(key);
    tell((mailbox) => mailbox.identityUnused(key));
  }

  function entryOf(pod: Pod, before: Entry | undefined): Entry {
    const decision = deps.decide(pod);
    const nodePod = toNodePod(pod, decision, deps.namespaces.versionOf(pod.namespace));
    if (decision.kind !== "allowed" || nodePod.decision.kind !== "allowed") {
      return { nodePod };
    }
    const { identity } = nodePod.decision;
    const isSame = before?.want !== undefined && before.identity === identity;
    return { nodePod, identity, want: isSame ? before.want : deps.issuance.want(decision.identity, pod.namespace) };
  }

  function put(pod: Pod): void {
    const before = entries.get(pod.uid);
    const after = entryOf(pod, before);
    entries.set(pod.uid, after);
    if (after.identity !== before?.identity) {
      replaceIdentity(before, after);
    }
    // Newer versions of the same are news, too: they overrule what a replica says that is behind.
    if (!isDeepStrictEqual(after.nodePod, before?.nodePod)) {
      tell((mailbox) => mailbox.podChanged(pod.uid));
    }
  }

  /** The new one is taken up before the old one is let go, in case that somebody counts. */
  function replaceIdentity(before: Entry | undefined, after: Entry | undefined): void {
    if (after?.identity !== undefined) {
      use(after.identity);
    }
    if (before?.identity !== undefined) {
      release(before.identity);
    }
    before?.want?.[Symbol.dispose]();
  }

  function stateOf(key: IdentityKey): readonly IdentityState[] {
    const result = users.has(key) ? deps.issuance.peek(key) : undefined;
    return result === undefined ? [] : [{ identity: key, result }];
  }

  /** With the newest versions at which that holds: newer ones of the same were not worth a message. */
  function said({ nodePod }: Entry): NodePod {
    const { uid, namespace } = nodePod;
    return { ...nodePod, versions: { pod: deps.pods.versionOf(uid), namespace: deps.namespaces.versionOf(namespace) } };
  }

  for (const pod of pods) {
    put(pod);
  }

  return {
    put,
    remove(uid) {
      const before = entries.get(uid);
      if (before !== undefined) {
        entries.delete(uid);
        replaceIdentity(before, undefined);
        tell((mailbox) => mailbox.podRemoved(uid));
      }
    },
    identityChanged(key) {
      if (users.has(key)) {
        tell((mailbox) => mailbox.identityChanged(key));
      }
    },
    mailboxes,
    uids: () => entries.keys(),
    usersOf: (key) =>
      users.has(key) ? [...entries].flatMap(([uid, { identity }]) => (identity === key ? [uid] : [])) : [],
    everything: () => ({
      pods: [...entries.values()].map(said),
      identities: [...users.keys()].flatMap(stateOf),
      podsVersion: deps.pods.version,
    }),
    changesOf({ changed, removed: removedUids, identities: keys }) {
      const removed = removedUids.map((uid) => ({ uid, version: deps.pods.versionOf(uid) }));
      const told = changed
        .map((uid) => entries.get(uid))
        .filter((entry) => entry !== undefined)
        .map(said);
      const identities = keys.flatMap(stateOf);
      return told.length + removed.length + identities.length === 0
        ? undefined
        : { kind: "changes", pods: told, removed, identities, podsVersion: deps.pods.version };
    },
    [Symbol.dispose]() {
      for (const { want } of entries.values()) {
        want?.[Symbol.dispose]();
      }
      entries.clear();
      users.clear();
    },
  };
}
