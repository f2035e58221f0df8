import type { Http2Session } from "node:http2";
import type { Clock } from "../runtime/clock.ts";

export interface PingTimes {
  readonly clock: Clock;
  /** From one answer to the next ping. */
  readonly pingIntervalMs: number;
  /** How long an answer may take. */
  readonly pingTimeoutMs: number;
}

export interface KeepAlive extends Disposable {
  /** Asks now instead of at the end of the interval. */
  pingNow(): void;
}

/**
 * Pings a session for ever; nothing else notices a peer that the network swallowed. Dispose it when the session closes.
 * @param isWanted whether to ping at the end of an interval, or to let it pass
 */
export function keepAlive(
  session: Http2Session,
  times: PingTimes,
  onSilence: () => void,
  isWanted: () => boolean = () => true,
): KeepAlive {
  let timer = nextInterval();
  let isWaiting = false;

  function nextInterval(): Disposable {
    return times.clock.after(times.pingIntervalMs, () => {
      if (isWanted()) {
        ping();
      } else {
        timer = nextInterval();
      }
    });
  }

  function ping(): void {
    // A session can be destroyed some turns before it says that it is closed, and then throws when it is asked to ping.
    if (session.destroyed || isWaiting) {
      return;
    }
    isWaiting = true;
    timer[Symbol.dispose]();
    timer = times.clock.after(times.pingTimeoutMs, onSilence);
    session.ping((error) => {
      if (error === null && !session.destroyed) {
        isWaiting = false;
        timer[Symbol.dispose]();
        timer = nextInterval();
      }
    });
  }

  return { pingNow: ping, [Symbol.dispose]: () => timer[Symbol.dispose]() };
}
