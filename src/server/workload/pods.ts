import { isDeepStrictEqual } from "node:util";
import type { IpAddress } from "../../domain/ip-address.ts";
import { incomparable, newerVersion, type ObjectVersion, objectVersion } from "../../domain/object-version.ts";
import type { ResourceSink } from "../../domain/observed.ts";
import type { Pod, PodUid } from "../../domain/pod.ts";
import { createListeners, type Listeners } from "../../runtime/listeners.ts";
import { createRecentMap } from "../../runtime/recent-map.ts";
import { createPodIndexes } from "./pod-indexes.ts";
import { isNewer, isOlder, isSameVersion } from "./resource-version.ts";

/** What became of one pod: `before` is absent for a new one, `after` for one that is gone. */
export interface PodChange {
  readonly before?: Pod;
  readonly after?: Pod;
}

/** The cluster's live pods, as the watch last told. */
export interface PodStore extends ResourceSink<Pod, PodUid> {
  get(uid: PodUid): Pod | undefined;
  /** All live pods that report the address. */
  claimants(address: IpAddress): readonly Pod[];
  onNode(nodeName: string): readonly Pod[];
  inNamespace(namespace: string): readonly Pod[];
  /** The node whose pods report this `status.hostIP`; `undefined` where none does, or pods of different nodes do. */
  nodeOfHostIp(hostIp: string): string | undefined;
  readonly size: number;
  /** The newest of any pod that was told of. */
  readonly version: ObjectVersion;
  /** At which a pod is what is held of it, or was found to be gone. */
  versionOf(uid: PodUid): ObjectVersion;
  /**
   * Told after the store has changed, of what is different in more than the resource version; where a list shows only that
   * one to be another, too, because the pod may have been different in between.
   */
  readonly changes: Pick<Listeners<PodChange>, "add">;
  /** Told after a list has replaced everything, and its changes were told: pods may have come and gone unheard of before it. */
  readonly lists: Pick<Listeners<void>, "add">;
}

/** Removed pods whose last version is remembered, so that a late event about them does not bring them back. */
const mostRemembered = 4096;

/**
 * A watch tells of one pod at a time, and what is older than what is held of the pod (or was, when it was removed) is
 * left out. A list is the API server's word on everything: it replaces what is held whatever the versions.
 */
export function createPodStore(): PodStore {
  const byUid = new Map<PodUid, Pod>();
  const removedVersions = createRecentMap<PodUid, string>(mostRemembered);
  const indexes = createPodIndexes();
  const changes = createListeners<PodChange>();
  const lists = createListeners<void>();
  let version = incomparable;

  function reach(resourceVersion: string): void {
    version = newerVersion(version, objectVersion(resourceVersion));
  }

  /** A loop, because a namespace may have tens of thousands. */
  function podsOf(uids: Iterable<PodUid>): readonly Pod[] {
    const found: Pod[] = [];
    for (const uid of uids) {
      const pod = byUid.get(uid);
      if (pod !== undefined) {
        found.push(pod);
      }
    }
    return found;
  }

  /** What to tell of it; nothing where at most the version is another. */
  function hold(after: Pod): readonly PodChange[] {
    const before = byUid.get(after.uid);
    const told = holdListed(after);
    const isSame =
      before !== undefined && isDeepStrictEqual(before, { ...after, resourceVersion: before.resourceVersion });
    return isSame ? [] : told;
  }

  /** What to tell of it; nothing where it is of the same version. */
  function holdListed(after: Pod): readonly PodChange[] {
    const before = byUid.get(after.uid);
    if (before !== undefined && isSameVersion(after.resourceVersion, before.resourceVersion)) {
      return [];
    }
    byUid.set(after.uid, after);
    if (before === undefined) {
      indexes.add(after);
      return [{ after }];
    }
    indexes.remove(before);
    indexes.add(after);
    return [{ before, after }];
  }

  function release(before: Pod): PodChange {
    byUid.delete(before.uid);
    indexes.remove(before);
    return { before };
  }

  function tell(told: readonly PodChange[]): void {
    for (const change of told) {
      changes.tell(change);
    }
  }

  return {
    replaceAll(pods, resourceVersion = "") {
      version = incomparable; // Also where it is less than before: the API server may come from a backup.
      reach(resourceVersion);
      pods.forEach((pod) => void reach(pod.resourceVersion));
      const listed = new Map(pods.map((pod) => [pod.uid, pod]));
      removedVersions.clear();
      const removed = [...byUid.values()].filter((pod) => !listed.has(pod.uid)).map(release);
      const held = [...listed.values()].flatMap(holdListed);
      tell(removed);
      tell(held);
      lists.tell();
    },
    upsert(pod) {
      reach(pod.resourceVersion);
      const known = byUid.get(pod.uid)?.resourceVersion ?? removedVersions.get(pod.uid);
      if (known === undefined || isNewer(pod.resourceVersion, known)) {
        tell(hold(pod));
      }
    },
    remove(uid, resourceVersion) {
      reach(resourceVersion ?? "");
      const pod = byUid.get(uid);
      if (pod !== undefined && !isOlder(resourceVersion ?? "", pod.resourceVersion)) {
        removedVersions.set(uid, resourceVersion ?? pod.resourceVersion);
        tell([release(pod)]);
      }
    },
    reached: reach,
    get version() {
      return version;
    },
    versionOf(uid) {
      const known = byUid.get(uid)?.resourceVersion ?? removedVersions.get(uid);
      return known === undefined ? version : objectVersion(known);
    },
    get: (uid) => byUid.get(uid),
    claimants: (address) => podsOf(indexes.byAddress(address)),
    onNode: (nodeName) => podsOf(indexes.byNode(nodeName)),
    inNamespace: (namespace) => podsOf(indexes.byNamespace(namespace)),
    nodeOfHostIp: (hostIp) => indexes.nodeOfHostIp(hostIp),
    get size() {
      return byUid.size;
    },
    changes,
    lists,
  };
}
