import { incomparable, newerVersion, type ObjectVersion, objectVersion } from "../../domain/object-version.ts";
import type { ResourceSink } from "../../domain/observed.ts";
import type { Namespace } from "../../domain/pod.ts";
import { createListeners, type Listeners } from "../../runtime/listeners.ts";
import { createRecentMap } from "../../runtime/recent-map.ts";
import { isNewer, isOlder } from "./resource-version.ts";

/** What the cluster's namespaces permit, as the watch last told. */
export interface NamespaceStore extends ResourceSink<Namespace, string> {
  /** The regular expression that role ARNs must match; empty, which permits nothing, for a namespace not known. */
  permitted(name: string): string;
  /** At which that holds: of a namespace that is not known, the newest of any that was told of. */
  versionOf(name: string): ObjectVersion;
  /** Told after the store has changed, with the names of the namespaces that are of another version now. */
  readonly changes: Pick<Listeners<string>, "add">;
}

/** Removed namespaces whose version is remembered: one that is made anew under the name has a newer one. */
const mostRemembered = 1024;

/** Versions count as in {@link createPodStore}. */
export function createNamespaceStore(): NamespaceStore {
  const byName = new Map<string, Namespace>();
  const removedVersions = createRecentMap<string, string>(mostRemembered);
  const changes = createListeners<string>();
  let version = incomparable;

  function reach(resourceVersion: string): void {
    version = newerVersion(version, objectVersion(resourceVersion));
  }

  /** What is of another version may have permitted something else in between, and what is said by it overrules older words. */
  function tellOf(name: string, before: Namespace | undefined): void {
    const after = byName.get(name);
    if (before?.resourceVersion !== after?.resourceVersion || before?.permitted !== after?.permitted) {
      changes.tell(name);
    }
  }

  return {
    replaceAll(namespaces, resourceVersion = "") {
      version = incomparable; // As in the store of pods.
      reach(resourceVersion);
      namespaces.forEach((namespace) => void reach(namespace.resourceVersion));
      removedVersions.clear();
      const before = new Map(byName);
      byName.clear();
      for (const namespace of namespaces) {
        byName.set(namespace.name, namespace);
      }
      for (const name of new Set([...before.keys(), ...byName.keys()])) {
        tellOf(name, before.get(name));
      }
    },
    upsert(namespace) {
      reach(namespace.resourceVersion);
      const known = byName.get(namespace.name)?.resourceVersion ?? removedVersions.get(namespace.name);
      if (known === undefined || isNewer(namespace.resourceVersion, known)) {
        const before = byName.get(namespace.name);
        byName.set(namespace.name, namespace);
        tellOf(namespace.name, before);
      }
    },
    remove(name, resourceVersion) {
      reach(resourceVersion ?? "");
      const held = byName.get(name);
      if (held !== undefined && !isOlder(resourceVersion ?? "", held.resourceVersion)) {
        removedVersions.set(name, resourceVersion ?? held.resourceVersion);
        byName.delete(name);
        tellOf(name, held);
      }
    },
    reached: reach,
    permitted: (name) => byName.get(name)?.permitted ?? "",
    versionOf(name) {
      const held = byName.get(name);
      return held === undefined ? version : objectVersion(held.resourceVersion);
    },
    changes,
  };
}
