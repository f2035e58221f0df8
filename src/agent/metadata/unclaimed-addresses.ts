import type { IpAddress } from "../../domain/ip-address.ts";
import type { PodUid } from "../../domain/pod.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { CredentialStore } from "../credentials/store.ts";
import { longestTtlSeconds } from "./token-ttl.ts";

/** Addresses that tokens were minted for while nobody was known to have them, and who came to have each first. */
export interface UnclaimedAddresses extends Disposable {
  /** Begins to watch for the address's first pod, or goes on; answers what tokens are to be signed for. */
  await(address: IpAddress): string;
  /** What tokens were signed for, if that pod was the first at the address since. */
  claimedBy(address: IpAddress, uid: PodUid): string | undefined;
  /** What tokens were signed for, if no pod has been seen at the address since. */
  awaited(address: IpAddress): string | undefined;
}

export interface UnclaimedOptions {
  readonly store: Pick<CredentialStore, "owner" | "changes">;
  readonly clock: Pick<Clock, "now">;
  readonly randomBytes: (length: number) => Uint8Array;
}

interface Wait {
  readonly bond: string;
  uid?: PodUid;
  /** When the youngest token of it expires at the latest. */
  endsAtMs: number;
}

/** A node has a few hundred pods; more addresses than that are somebody's play, and only their own tokens are lost. */
const mostAddresses = 4_096;

export function watchUnclaimedAddresses({ store, clock, randomBytes }: UnclaimedOptions): UnclaimedAddresses {
  const waits = new Map<IpAddress, Wait>();
  const open = new Map<IpAddress, Wait>();

  function noteFirstPods(): void {
    for (const [address, wait] of open) {
      const owner = store.owner(address);
      if (owner.kind === "owner") {
        wait.uid = owner.pod.uid;
        open.delete(address);
      }
    }
  }

  function forget(address: IpAddress): void {
    waits.delete(address);
    open.delete(address);
  }

  function makeRoom(): void {
    for (const [address, { endsAtMs }] of waits) {
      if (endsAtMs > clock.now() && waits.size < mostAddresses) {
        return; // The oldest come first.
      }
      forget(address);
    }
  }

  const changes = store.changes.add(noteFirstPods);
  return {
    await(address) {
      const endsAtMs = clock.now() + longestTtlSeconds * 1_000;
      const wait = open.get(address) ?? {
        bond: `${address} ${Buffer.from(randomBytes(16)).toString("hex")}`,
        endsAtMs,
      };
      wait.endsAtMs = endsAtMs;
      forget(address);
      makeRoom();
      waits.set(address, wait);
      open.set(address, wait);
      return wait.bond;
    },
    claimedBy(address, uid) {
      const wait = waits.get(address);
      return wait?.uid === uid ? wait.bond : undefined;
    },
    awaited: (address) => open.get(address)?.bond,
    [Symbol.dispose]: () => changes[Symbol.dispose](),
  };
}
