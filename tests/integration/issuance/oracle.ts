import type { Credentials } from "../../../src/domain/credentials.ts";
import type { IssueResult } from "../../../src/domain/issue.ts";
import { identityKey, type RoleIdentity } from "../../../src/domain/role-identity.ts";
import { deadline, neverAborted } from "../../../src/runtime/abort.ts";
import { askerFor } from "../../fakes/sts-faults/proxy.ts";
import type { StsWorld } from "./sts-world.ts";

/** Knows what STS issued to whom, looks at all that issuance gives away, and tells what is wrong with it. */
export interface Oracle {
  /** Sentences; empty while all is well. */
  readonly broken: readonly string[];
  /** To be called once in a second: looks at what is held, and has pods ask. */
  look(): void;
  /** @param leastLeftMs that each must still last */
  expectHeld(identities: readonly RoleIdentity[], when: string, leastLeftMs?: number): void;
}

/** What is held is answered at once; for what is not held a pod waits so long and no longer. */
const patienceMs = 5_000;

const asksEveryLooks = 7;

export interface Judged {
  /** For what pods ask, every seven seconds each. */
  readonly asked: readonly RoleIdentity[];
  /** What they only want. */
  readonly wanted: readonly RoleIdentity[];
}

export function createOracle(world: StsWorld, { asked, wanted }: Judged): Oracle {
  const { clock, proxy, peek, get, lines } = world;
  const broken: string[] = [];
  const seen = new Map<RoleIdentity, Credentials>();
  const asking = new Map<RoleIdentity, number>();
  let looks = 0;
  let linesRead = 0;

  function judge(identity: RoleIdentity, how: string, { accessKeyId, expiresAtMs }: Credentials): void {
    const issued = proxy.issued.get(accessKeyId);
    const what = `${identity.role} ${how}`;
    if (issued?.asker !== askerFor(identity)) {
      broken.push(`${what}: a key that was issued for ${issued?.asker ?? "nobody"}`);
    }
    if (issued !== undefined && issued.expiresAtMs !== expiresAtMs) {
      broken.push(`${what}: another end than STS said`);
    }
    if (expiresAtMs <= clock.now()) {
      broken.push(`${what}: expired credentials`);
    }
  }

  function judgeHeld(identity: RoleIdentity): void {
    const before = seen.get(identity);
    const result = peek(identityKey(identity));
    if (result?.kind === "issued") {
      judge(identity, "held", result.credentials);
      seen.set(identity, result.credentials);
    }
    const leastMs = result?.kind === "issued" ? result.credentials.expiresAtMs : 0;
    if (before !== undefined && before.expiresAtMs > Math.max(clock.now(), leastMs)) {
      broken.push(`${identity.role}: what was held was taken away`);
    }
  }

  async function ask(identity: RoleIdentity): Promise<void> {
    const startedAtMs = clock.now();
    const held = seen.get(identity);
    asking.set(identity, startedAtMs);
    using patience = deadline(patienceMs, clock, neverAborted());
    const result = await get(identity, "team", patience.signal).catch((): IssueResult | undefined => undefined);
    asking.delete(identity);
    const isHeld = held !== undefined && held.expiresAtMs > startedAtMs;
    if (result?.kind === "issued") {
      judge(identity, "answered", result.credentials);
    } else if (isHeld && held.expiresAtMs > clock.now()) {
      broken.push(`${identity.role}: nothing was answered though something was held`);
    }
    if (isHeld && clock.now() > startedAtMs) {
      broken.push(`${identity.role}: a pod waited though something was held`);
    }
  }

  return {
    broken,
    look() {
      looks += 1;
      [...asked, ...wanted].forEach(judgeHeld);
      for (const [index, identity] of asked.entries()) {
        if ((looks + index) % asksEveryLooks === 0 && !asking.has(identity)) {
          void ask(identity);
        }
      }
      for (const [identity, sinceMs] of asking) {
        if (clock.now() - sinceMs > patienceMs) {
          broken.push(`${identity.role}: a pod got no answer at all`);
        }
      }
      const written = JSON.stringify(lines.slice(linesRead));
      linesRead = lines.length;
      if (/SecretAccessKey|tenant-7|FQoGZXIvYXdzE/.test(written)) {
        broken.push(`a secret was logged: ${written}`);
      }
      if (world.mostUp > 2 * 2) {
        broken.push("more calls were up than there are fetchers");
      }
    },
    expectHeld(identities, when, leastLeftMs = 1) {
      for (const identity of identities) {
        const result = peek(identityKey(identity));
        const leftMs = result?.kind === "issued" ? result.credentials.expiresAtMs - clock.now() : 0;
        if (leftMs < leastLeftMs) {
          broken.push(`${identity.role} ${identity.sessionName}: ${leftMs} ms are left ${when}`);
        }
      }
    },
  };
}
