import type { ResourceSink } from "../../domain/observed.ts";
import type { Namespace } from "../../domain/pod.ts";
import { createListeners, type Listeners } from "../../runtime/listeners.ts";
import { isNewer } from "./resource-version.ts";

/** What the cluster's namespaces permit, as the watch last told. */
export interface NamespaceStore extends ResourceSink<Namespace, string> {
  /** The regular expression that role ARNs must match; empty, which permits nothing, for a namespace not known. */
  permitted(name: string): string;
  /** Told after the store has changed, with the names of the namespaces that permit something else now. */
  readonly changes: Pick<Listeners<string>, "add">;
}

/** Versions count as in {@link createPodStore}. */
export function createNamespaceStore(): NamespaceStore {
  const byName = new Map<string, Namespace>();
  const changes = createListeners<string>();

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
    replaceAll(namespaces) {
      changing(new Set([...byName.keys(), ...namespaces.map(({ name }) => name)]), () => {
        byName.clear();
        for (const namespace of namespaces) {
          byName.set(namespace.name, namespace);
        }
      });
    },
    upsert(namespace) {
      const held = byName.get(namespace.name);
      if (held === undefined || isNewer(namespace.resourceVersion, held.resourceVersion)) {
        changing([namespace.name], () => byName.set(namespace.name, namespace));
      }
    },
    remove(name) {
      changing([name], () => byName.delete(name));
    },
    permitted,
    changes,
  };
}
