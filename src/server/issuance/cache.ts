import { type Credentials, isUnexpired } from "../../domain/credentials.ts";
import type { IssueResult } from "../../domain/issue.ts";
import type { PodUid } from "../../domain/pod.ts";
import { type IdentityKey, identityKey, type RoleIdentity } from "../../domain/role-identity.ts";
import type { ServerMetrics } from "../metrics.ts";
import type { Setback } from "./refusals.ts";

/** What is known of one identity. */
export interface Entry {
  readonly key: IdentityKey;
  readonly identity: RoleIdentity;
  /** How many pods of which namespaces want it held. */
  readonly wantedBy: Map<string, number>;
  held: Credentials | undefined;
  /** Of the last call, where it gave nothing. */
  setback: Setback | undefined;
  /** When the background is to fetch or renew it, where anybody still uses it. */
  dueAtMs: number;
  /** Whether it was asked for since what is held came, or since the last pod that wanted it went. */
  isAsked: boolean;
  /** The namespace that asked last; empty where none has. */
  askedBy: string;
  /** Pods that were given it and are watched by nobody here, and whether each may still have it. */
  readonly answered: Map<PodUid, () => boolean>;
  /** Until when it is kept although nobody wants it. */
  keepUntilMs: number;
  /** Whether a renewal was waited for in vain, and is not to be waited for again. */
  isRenewalLate: boolean;
}

/** All identities in use or used lately. */
export interface Cache {
  find(key: IdentityKey): Entry | undefined;
  /** Makes an entry where there is none. */
  entryOf(identity: RoleIdentity): Entry;
  all(): Iterable<Entry>;
  drop(entry: Entry): void;
  setHeld(entry: Entry, credentials: Credentials | undefined): void;
  /** To be called after `wantedBy` changed, and when an entry is asked for. */
  touch(entry: Entry): void;
}

/** How long an identity is kept that was used and is not now: a stream that comes back, or a pod's successor, finds it. */
export const keepUnusedMs = 600_000;

/** Identities that no pod wants: more than a large cluster's unproven agents ask for, at some 2 KiB each. */
const mostUnwanted = 10_000;

export function createCache(metrics: Pick<ServerMetrics, "cacheSize">): Cache {
  const entries = new Map<IdentityKey, Entry>();
  /** Least lately used first. */
  const unwanted = new Set<Entry>();
  let heldCount = 0;

  const cache: Cache = {
    find: (key) => entries.get(key),
    entryOf(identity) {
      const key = identityKey(identity);
      const known = entries.get(key);
      if (known !== undefined) {
        return known;
      }
      const entry = newEntry(key, identity);
      entries.set(key, entry);
      return entry;
    },
    all: () => entries.values(),
    drop(entry) {
      cache.setHeld(entry, undefined);
      unwanted.delete(entry);
      entries.delete(entry.key);
    },
    setHeld(entry, credentials) {
      heldCount += Number(credentials !== undefined) - Number(entry.held !== undefined);
      entry.held = credentials;
      metrics.cacheSize.set(heldCount);
    },
    touch(entry) {
      unwanted.delete(entry);
      if (entry.wantedBy.size === 0) {
        unwanted.add(entry);
      }
      const [oldest] = unwanted;
      if (unwanted.size > mostUnwanted && oldest !== undefined) {
        cache.drop(oldest);
      }
    },
  };
  return cache;
}

function newEntry(key: IdentityKey, identity: RoleIdentity): Entry {
  return {
    key,
    identity,
    wantedBy: new Map(),
    held: undefined,
    setback: undefined,
    dueAtMs: 0,
    isAsked: false,
    askedBy: "",
    answered: new Map(),
    keepUntilMs: 0,
    isRenewalLate: false,
  };
}

/** What is held and may still be handed out. */
export function unexpired(entry: Entry | undefined, nowMs: number): Credentials | undefined {
  return entry?.held !== undefined && isUnexpired(entry.held, nowMs) ? entry.held : undefined;
}

/** The newest known of an identity: credentials that have not expired, else why there are none. */
export function newestOf(entry: Entry | undefined, nowMs: number): IssueResult | undefined {
  const credentials = unexpired(entry, nowMs);
  if (credentials !== undefined) {
    return { kind: "issued", credentials };
  }
  return entry?.setback === undefined ? undefined : { kind: "failed", failure: entry.setback.failure };
}

/** In whose name an identity waits its turn: the namespaces that want it, else the one that asked for it. */
export function partiesOf(entry: Entry): readonly string[] {
  return entry.wantedBy.size > 0 ? [...entry.wantedBy.keys()] : [entry.askedBy];
}

/** Of one identity; the last ones say enough. */
const mostAnswered = 64;

export function noteAnswered({ answered }: Entry, uid: PodUid, mayHave: () => boolean): void {
  answered.delete(uid);
  answered.set(uid, mayHave);
  const [oldest] = answered.keys();
  if (answered.size > mostAnswered && oldest !== undefined) {
    answered.delete(oldest);
  }
}

/** Whether one of the pods that were given it may still have it; also where nobody knows to which it was given. */
export function mayBeUsed({ answered }: Entry): boolean {
  return answered.size === 0 || answered.values().some((mayHave) => mayHave());
}
