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
  /**
   * Told after the store has changed, with the names of the namespaces that permit something else now; of those that a list
   * shows to be of another version, too, because they may have permitted something else in between.
   */
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

  const permitted = (name: string): string => byName.get(name)?.permitted ?? "";

  /** Does it, and tells those of the names that permit something else afterwards. */
  function changing(names: Iterable<string>, change: () => void): void {
    const before = [...names].map((name) => ({ name, permitted: permitted(name) }));
    change();
    for (const held of before) {
      if (held.permitted !== permitted(held.name)) {
        changes.tell(held.name);
      }
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
        if (isNews(before.get(name), byName.get(name))) {
          changes.tell(name);
        }
      }
    },
    upsert(namespace) {
      reach(namespace.resourceVersion);
      const known = byName.get(namespace.name)?.resourceVersion ?? removedVersions.get(namespace.name);
      if (known === undefined || isNewer(namespace.resourceVersion, known)) {
        changing([namespace.name], () => byName.set(namespace.name, namespace));
      }
    },
    remove(name, resourceVersion) {
      reach(resourceVersion ?? "");
      const held = byName.get(name);
      if (held !== undefined && !isOlder(resourceVersion ?? "", held.resourceVersion)) {
        removedVersions.set(name, resourceVersion ?? held.resourceVersion);
        changing([name], () => byName.delete(name));
      }
    },
    reached: reach,
    permitted,
    versionOf(name) {
      const held = byName.get(name);
      return held === undefined ? version : objectVersion(held.resourceVersion);
    },
    changes,
  };
}

function isNews(before: Namespace | undefined, after: Namespace | undefined): boolean {
  const hasPassed = before !== undefined && after !== undefined && before.resourceVersion !== after.resourceVersion;
  return hasPassed || (before?.permitted ?? "") !== (after?.permitted ?? "");
}
