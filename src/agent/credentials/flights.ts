import { untilAborted } from "../../runtime/abort.ts";

/** Work that many may wait for and that is done once. */
export interface Flights<Result> {
  /**
   * Waits for the work under way for the key, or starts it. A caller whose signal is aborted leaves alone; with the last one
   * the work's own signal is aborted.
   */
  join(key: string, start: (signal: AbortSignal) => Promise<Result>, signal: AbortSignal): Promise<Result>;
}

interface Flight<Result> {
  readonly result: Promise<Result>;
  readonly abandoned: AbortController;
  waiting: number;
}

export function createFlights<Result>(): Flights<Result> {
  const flights = new Map<string, Flight<Result>>();

  function forget(key: string, flight: Flight<Result>): void {
    if (flights.get(key) === flight) {
      flights.delete(key);
    }
  }

  function begin(key: string, start: (signal: AbortSignal) => Promise<Result>): Flight<Result> {
    const abandoned = new AbortController();
    const flight: Flight<Result> = { result: start(abandoned.signal), abandoned, waiting: 0 };
    flights.set(key, flight);
    const over = () => forget(key, flight);
    flight.result.then(over, over);
    return flight;
  }

  return {
    async join(key, start, signal) {
      signal.throwIfAborted();
      const flight = flights.get(key) ?? begin(key, start);
      flight.waiting += 1;
      try {
        return await untilAborted(flight.result, signal);
      } finally {
        flight.waiting -= 1;
        if (flight.waiting === 0) {
          forget(key, flight); // Whoever comes from now on starts anew.
          flight.abandoned.abort(new Error("nobody waits for it any more"));
        }
      }
    },
  };
}
