import fc from "fast-check";
import { type Fault, faults } from "./fault.ts";
import type { StsFaultProxy, StsRequest } from "./proxy.ts";

/** A time in which STS is as the phase says. */
export interface Phase {
  readonly ms: number;
  /** What befalls requests, evenly; the rest pass. */
  readonly faults: readonly Fault[];
  /** The part of all requests that something befalls, in (0, 1]. */
  readonly share: number;
  /** Whether it befalls every role, or only those whose name ends so. */
  readonly role: string;
  /** Which of the requests are those. */
  readonly salt: number;
}

const secondMs = 1_000;

const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...Object.values(faults)) },
  // Up to more than a call is waited for.
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("delay"), ms: fc.integer({ min: 1, max: 8_000 }) }) },
  // Down to less than a renewal takes.
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("lifetime"), ms: fc.constantFrom(2_000, 10_000, 90_000) }) },
);

/** @param roles the ends of names of roles that a phase may be about alone */
export function phasesOf(roles: readonly string[]): fc.Arbitrary<readonly Phase[]> {
  const phase = fc.record({
    ms: fc.integer({ min: secondMs, max: 120 * secondMs }),
    faults: fc.array(fault, { minLength: 1, maxLength: 2 }),
    share: fc.constantFrom(0.3, 1, 1),
    role: fc.constantFrom("", "", "", ...roles),
    salt: fc.nat(),
  });
  return fc.array(phase, { minLength: 1, maxLength: 5 });
}

/** How STS answers where nothing befalls a request. */
export const passing: Fault = { kind: "delay", ms: 80 };

/** Decides by the request alone, and not by when it comes: the same schedule does the same again. */
export function decideBy({ faults, share, role, salt }: Phase): StsFaultProxy["decide"] {
  return (request) => {
    if (!request.form.get("RoleArn")?.endsWith(role)) {
      return passing;
    }
    const chance = chanceOf(request, salt) / share;
    return (chance < 1 && faults[Math.floor(chance * faults.length)]) || passing;
  };
}

/** In [0, 1). */
function chanceOf({ asker, serial }: StsRequest, salt: number): number {
  return Number(BigInt.asUintN(32, BigInt(Bun.hash(`${asker} ${serial} ${salt}`)))) / 2 ** 32;
}
