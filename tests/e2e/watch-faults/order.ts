import type { ResourceSink } from "../../../src/domain/observed.ts";
import type { Namespace, Pod, PodUid } from "../../../src/domain/pod.ts";
import type { Stores } from "./picture.ts";

export interface OrderedSinks {
  readonly pods: ResourceSink<Pod, PodUid>;
  readonly namespaces: ResourceSink<Namespace, string>;
  /** What went backwards, in words. */
  readonly breaches: readonly string[];
  /** What the stores were told, in order. */
  readonly calls: readonly string[];
}

/**
 * Stands before the stores and sees that no pod or namespace goes back to what it was before, and that none comes back
 * from the dead: the API server never takes back what it has said, in whatever order and however often it comes.
 */
export function watchOrder({ pods, namespaces }: Stores): OrderedSinks {
  const breaches: string[] = [];
  const versions = new Map<PodUid, bigint>();
  /** The versions at which pods went. */
  const gone = new Map<PodUid, bigint>();
  const patterns = new Map<string, number>();
  const calls: string[] = [];

  function lookAtPods(uids: Iterable<PodUid>, goneAt?: string): void {
    for (const uid of uids) {
      const held = pods.get(uid);
      const before = versions.get(uid);
      if (held === undefined) {
        gone.set(uid, BigInt(goneAt ?? before ?? 0));
        versions.delete(uid);
        continue;
      }
      const version = BigInt(held.resourceVersion);
      const wentAt = gone.get(uid);
      if (wentAt !== undefined && version <= wentAt) {
        breaches.push(`pod ${held.namespace}/${held.name} ${uid} went at ${wentAt} and came back at ${version}`);
      }
      gone.delete(uid);
      if (before !== undefined && version < before) {
        breaches.push(`pod ${held.namespace}/${held.name} ${uid} went from ${before} to ${version}`);
      }
      versions.set(uid, version);
    }
  }

  /** The patterns are numbered, and a namespace that is made anew has a greater one, or none. */
  function lookAtNamespaces(names: Iterable<string>): void {
    for (const name of names) {
      const serial = Number(namespaces.permitted(name).replace("role-", "") || Number.POSITIVE_INFINITY);
      const before = patterns.get(name) ?? 0;
      if (serial < before) {
        breaches.push(`namespace ${name} went from pattern ${before} to ${serial}`);
      }
      if (Number.isFinite(serial)) {
        patterns.set(name, serial);
      }
    }
  }

  return {
    breaches,
    calls,
    pods: {
      replaceAll(all) {
        calls.push(`pods ${all.map(({ uid, resourceVersion }) => `${uid}@${resourceVersion}`).join(" ")}`);
        pods.replaceAll(all);
        lookAtPods(new Set([...versions.keys(), ...all.map(({ uid }) => uid)]));
      },
      upsert(pod) {
        calls.push(`pod ${pod.uid}@${pod.resourceVersion}`);
        pods.upsert(pod);
        if (pods.get(pod.uid) !== undefined) {
          lookAtPods([pod.uid]);
        }
      },
      remove(uid, resourceVersion) {
        calls.push(`no pod ${uid}@${resourceVersion}`);
        const wasHeld = pods.get(uid) !== undefined;
        pods.remove(uid, resourceVersion);
        if (wasHeld) {
          lookAtPods([uid], resourceVersion);
        }
      },
    },
    namespaces: {
      replaceAll(all) {
        calls.push(`namespaces ${all.map(({ name, resourceVersion }) => `${name}@${resourceVersion}`).join(" ")}`);
        namespaces.replaceAll(all);
        lookAtNamespaces(new Set([...patterns.keys(), ...all.map(({ name }) => name)]));
      },
      upsert(namespace) {
        calls.push(`namespace ${namespace.name}@${namespace.resourceVersion} ${namespace.permitted}`);
        namespaces.upsert(namespace);
        lookAtNamespaces([namespace.name]);
      },
      remove(name, resourceVersion) {
        calls.push(`no namespace ${name}@${resourceVersion}`);
        namespaces.remove(name, resourceVersion);
        lookAtNamespaces([name]);
        if (namespaces.permitted(name) === "") {
          // Even its last pattern would be one from before.
          patterns.set(name, Math.floor(patterns.get(name) ?? 0) + 0.5);
        }
      },
    },
  };
}
