import type { ResourceSink } from "../../../src/domain/observed.ts";
import type { Namespace, Pod, PodUid } from "../../../src/domain/pod.ts";
import { aPod } from "../../fakes/pods.ts";

interface Sinks {
  readonly pods: ResourceSink<Pod, PodUid>;
  readonly namespaces: ResourceSink<Namespace, string>;
}

/** The pods and namespaces there are, of which every replica is told as by a watch. */
export interface World {
  /** A pod is new, or another; answers it as the replicas know it. */
  put(pod: Pod): Pod;
  remove(pod: Pick<Pod, "uid">): void;
  /** What a namespace permits from now on. */
  permit(namespace: string, pattern: string): void;
  removeNamespace(name: string): void;
  /** Gives a replica all there is, and tells it from now on until disposed. */
  follow(sinks: Sinks): Disposable;
}

/** Namespace `default` permits every role. */
export function createWorld(): World {
  const pods = new Map<PodUid, Pod>();
  const namespaces = new Map<string, Namespace>();
  const followers = new Set<Sinks>();
  let version = 0;

  const nextVersion = (): string => {
    version += 1;
    return String(version);
  };

  function permit(name: string, permitted: string): void {
    const namespace = { name, permitted, resourceVersion: nextVersion() };
    namespaces.set(name, namespace);
    for (const sinks of followers) {
      sinks.namespaces.upsert(namespace);
    }
  }

  permit("default", ".*");
  return {
    put(pod) {
      const versioned = { ...pod, resourceVersion: nextVersion() };
      pods.set(pod.uid, versioned);
      for (const sinks of followers) {
        sinks.pods.upsert(versioned);
      }
      return versioned;
    },
    remove({ uid }) {
      pods.delete(uid);
      const resourceVersion = nextVersion();
      for (const sinks of followers) {
        sinks.pods.remove(uid, resourceVersion);
      }
    },
    permit,
    removeNamespace(name) {
      namespaces.delete(name);
      const resourceVersion = nextVersion();
      for (const sinks of followers) {
        sinks.namespaces.remove(name, resourceVersion);
      }
    },
    follow(sinks) {
      sinks.namespaces.replaceAll([...namespaces.values()], String(version));
      sinks.pods.replaceAll([...pods.values()], String(version));
      followers.add(sinks);
      return { [Symbol.dispose]: () => followers.delete(sinks) };
    },
  };
}

/** A running pod on node-a annotated with a role, named after its address. Addresses are the loopback's, so that a test can call from them. */
export function aPodWithRole(role: string, address: string, overrides: Partial<Omit<Pod, "uid" | "addresses">> = {}) {
  return aPod({
    uid: `uid-of-${role}-at-${address}-in-${overrides.namespace ?? "default"}`,
    name: `pod-${address}`,
    addresses: [address],
    request: { source: "pod-annotation", role },
    ...overrides,
  });
}
