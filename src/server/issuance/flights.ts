import type { IssueResult } from "../../domain/issue.ts";
import type { IdentityKey, RoleIdentity } from "../../domain/role-identity.ts";
import type { Call } from "./call.ts";
import { createLanes } from "./lanes.ts";
import type { LaneName, Pace } from "./pace.ts";

/** An identity on its way from STS, waiting for its turn or asked for. There is never more than one of an identity. */
export interface Flights {
  /** Joins the identity's flight, promoting it where this is a request, or starts one. The promise never rejects. */
  board(lane: LaneName, key: IdentityKey, identity: RoleIdentity, parties: readonly string[]): Promise<IssueResult>;
  isUp(key: IdentityKey): boolean;
  /** Forgets a flight that still waits in the background. One that was asked for goes on. */
  withdraw(key: IdentityKey): void;
  /** Starts what may start by now: a pause may have passed. */
  pump(): void;
  /** Lets background flights start until disposed. */
  openBackground(): Disposable;
}

export interface FlightsDeps {
  readonly call: Call;
  readonly pace: Pace;
  /** Told of each answer of STS before those who wait for it. */
  readonly land: (key: IdentityKey, result: IssueResult) => void;
}

interface Flight {
  readonly identity: RoleIdentity;
  readonly landed: PromiseWithResolvers<IssueResult>;
  isAsked: boolean;
}

export function createFlights({ call, pace, land }: FlightsDeps): Flights {
  const flights = new Map<IdentityKey, Flight>();
  const lanes = createLanes({ pace, start, decline });

  async function start(key: IdentityKey): Promise<void> {
    const flight = flights.get(key);
    if (flight === undefined) {
      return;
    }
    flight.isAsked = true;
    const epoch = pace.epoch;
    const result = await call(flight.identity);
    pace.heard(result, epoch);
    flights.delete(key);
    land(key, result);
    flight.landed.resolve(result);
  }

  function decline(key: IdentityKey): void {
    const flight = flights.get(key);
    if (flight !== undefined && pace.trouble !== undefined) {
      flights.delete(key);
      flight.landed.resolve({ kind: "failed", failure: pace.trouble });
    }
  }

  return {
    board(lane, key, identity, parties) {
      const flight = flights.get(key) ?? { identity, landed: Promise.withResolvers<IssueResult>(), isAsked: false };
      flights.set(key, flight);
      if (!flight.isAsked) {
        lanes.enter(lane, key, parties);
      }
      return flight.landed.promise;
    },
    isUp: (key) => flights.has(key),
    withdraw(key) {
      if (lanes.withdraw(key)) {
        flights.delete(key);
      }
    },
    pump: lanes.pump,
    openBackground: lanes.openBackground,
  };
}
