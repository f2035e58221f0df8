import type { Clock } from "../runtime/clock.ts";
import type { Leaving } from "./go-away.ts";

/** How long connections live, ms; 0 is for ever. */
export interface ConnectionLimits {
  /** Without a call or a stream. */
  readonly idleMs: number;
  /** From its beginning until its client is sent away, give or take a tenth. */
  readonly ageMs: number;
  /** From then until it is cut. */
  readonly graceMs: number;
}

export interface ConnectionLifeOptions {
  readonly limits: ConnectionLimits;
  readonly clock: Clock;
  readonly random: () => number;
}

/** One connection's life. Dispose it when the connection closes. */
export interface ConnectionLife extends Disposable {
  callBegan(): void;
  callEnded(): void;
}

export interface Connection {
  /** Tells its client to go; it closes when its calls are done. */
  sendAway(why: Leaving): void;
  /** Ends it with all its calls. */
  cut(): void;
}

/**
 * Sends a connection's client away when the connection is old or was idle for long, as grpc-go does, so that clients spread
 * over the servers there are: https://github.com/grpc/proposal/blob/master/A9-server-side-conn-mgt.md
 */
export function limitLife(connection: Connection, { limits, clock, random }: ConnectionLifeOptions): ConnectionLife {
  let calls = 0;
  let isOver = false;
  let idle = after(limits.idleMs, () => leave("max_idle"));
  let grace: Disposable | undefined;
  // A tenth either way, so that the connections of one moment do not all go in one.
  const age = after(limits.ageMs * (0.9 + random() / 5), () => leave("max_age"));

  function after(ms: number, then: () => void): Disposable | undefined {
    return ms === 0 ? undefined : clock.after(ms, then);
  }

  function leave(why: Leaving): void {
    connection.sendAway(why);
    grace ??= after(limits.graceMs, connection.cut);
  }

  return {
    callBegan() {
      calls += 1;
      idle?.[Symbol.dispose]();
    },
    callEnded() {
      calls -= 1;
      // Calls that a lost connection takes with it end after it.
      if (calls === 0 && !isOver) {
        idle = after(limits.idleMs, () => leave("max_idle"));
      }
    },
    [Symbol.dispose]() {
      isOver = true;
      for (const timer of [idle, age, grace]) {
        timer?.[Symbol.dispose]();
      }
    },
  };
}
