import { hkdfSync } from "node:crypto";
import type { Clock } from "../../runtime/clock.ts";
import { longestTtlSeconds } from "./token-ttl.ts";

/** What tokens are signed with: the same key after a restart, as long as the TLS key is the same. */
export interface TokenKeys {
  /** Signs. */
  current(): Uint8Array;
  /** Verify: the current one, and the one before for as long as a token of it may live. */
  accepted(): readonly Uint8Array[];
}

export interface TokenKeyOptions {
  /** The TLS private key; `undefined` while there is no usable one. */
  readonly keyMaterial: () => Uint8Array | undefined;
  readonly nodeName: string;
  readonly clock: Pick<Clock, "now">;
  readonly randomBytes: (length: number) => Uint8Array;
}

const keyBytes = 32;

export function createTokenKeys({ keyMaterial, nodeName, clock, randomBytes }: TokenKeyOptions): TokenKeys {
  /** Serves until there is a TLS key, so that pods get tokens from the start. */
  let current = randomBytes(keyBytes);
  let derivedFrom: Uint8Array | undefined;
  let previous: { readonly key: Uint8Array; readonly untilMs: number } | undefined;

  function follow(): void {
    const material = keyMaterial();
    if (material === undefined || material === derivedFrom) {
      return;
    }
    if (derivedFrom === undefined || !Buffer.from(material).equals(derivedFrom)) {
      previous = { key: current, untilMs: clock.now() + longestTtlSeconds * 1_000 };
      current = new Uint8Array(hkdfSync("sha256", material, "", `kiam imds token ${nodeName}`, keyBytes));
    }
    derivedFrom = material;
  }

  return {
    current() {
      follow();
      return current;
    },
    accepted() {
      follow();
      return previous !== undefined && clock.now() < previous.untilMs ? [current, previous.key] : [current];
    },
  };
}
