import type { ServerHttp2Session } from "node:http2";
import type { Clock } from "../runtime/clock.ts";

export interface PingTimes {
  readonly clock: Clock;
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
}

/** Pings a session for ever; nothing else notices a peer that the network swallowed. Dispose it when the session closes. */
export function keepAlive(session: ServerHttp2Session, times: PingTimes, onSilence: () => void): Disposable {
  let timer: Disposable = times.clock.after(times.pingIntervalMs, ping);

  function ping(): void {
    timer = times.clock.after(times.pingTimeoutMs, onSilence);
    const sent = session.ping((error) => {
      if (error === null) {
        timer[Symbol.dispose]();
        timer = times.clock.after(times.pingIntervalMs, ping);
      }
    });
    if (!sent) {
      timer[Symbol.dispose]();
      onSilence();
    }
  }

  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}
