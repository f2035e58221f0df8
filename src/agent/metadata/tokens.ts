import { createHmac, timingSafeEqual } from "node:crypto";
import type { IpAddress } from "../../domain/ip-address.ts";
import type { PodUid } from "../../domain/pod.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { TokenKeys } from "./token-keys.ts";
import type { UnclaimedAddresses } from "./unclaimed-addresses.ts";

/** IMDSv2 session tokens: nothing is kept of them but what they are signed for. */
export interface ImdsTokens {
  /** For a known pod; the token is worthless to whoever has its address next. */
  mintForPod(uid: PodUid, ttlSeconds: number): string;
  /** For an address that nobody is known to have: good for the first pod that is then seen there. */
  mintForAddress(address: IpAddress, ttlSeconds: number): string;
  verify(token: string, holder: TokenHolder): boolean;
}

export interface TokenHolder {
  /** Absent where nobody says which pod has the address. */
  readonly uid?: PodUid;
  readonly address: IpAddress;
}

export interface ImdsTokenOptions {
  readonly keys: TokenKeys;
  readonly unclaimed: UnclaimedAddresses;
  readonly clock: Pick<Clock, "now">;
}

/** A token is a byte that says what it is bound to, the second in which it expires, and the signature over both and the bond. */
const headBytes = 1 + 6;
const signatureBytes = 32;
const form = /^[A-Za-z0-9_-]{52}$/;

const boundToPod = 1;
const boundToAddress = 2;

export function createImdsTokens({ keys, unclaimed, clock }: ImdsTokenOptions): ImdsTokens {
  function mint(kind: number, bond: string, ttlSeconds: number): string {
    const head = Buffer.alloc(headBytes);
    head.writeUInt8(kind, 0);
    head.writeUIntBE(Math.floor(clock.now() / 1_000) + ttlSeconds, 1, 6);
    return Buffer.concat([head, sign(keys.current(), head, bond)]).toString("base64url");
  }

  function bondOf(kind: number, holder: TokenHolder): string | undefined {
    switch (kind) {
      case boundToPod:
        return holder.uid;
      case boundToAddress:
        return holder.uid === undefined
          ? unclaimed.awaited(holder.address)
          : unclaimed.claimedBy(holder.address, holder.uid);
      default:
        return undefined;
    }
  }

  return {
    mintForPod: (uid, ttlSeconds) => mint(boundToPod, uid, ttlSeconds),
    mintForAddress: (address, ttlSeconds) => mint(boundToAddress, unclaimed.await(address), ttlSeconds),
    verify(token, holder) {
      if (!form.test(token)) {
        return false;
      }
      const bytes = Buffer.from(token, "base64url");
      const head = bytes.subarray(0, headBytes);
      const bond = bondOf(head.readUInt8(0), holder);
      if (bond === undefined || clock.now() >= head.readUIntBE(1, 6) * 1_000) {
        return false;
      }
      const signature = bytes.subarray(headBytes, headBytes + signatureBytes);
      return keys.accepted().some((key) => timingSafeEqual(signature, sign(key, head, bond)));
    },
  };
}

function sign(key: Uint8Array, head: Uint8Array, bond: string): Buffer {
  return createHmac("sha256", key).update(head).update(bond).digest();
}
