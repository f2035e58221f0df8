import { formatHostPort } from "../../domain/host-port.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import type { Place, WatchAgent } from "./watch-agent.ts";

export interface SuccessionOptions {
  /** Where the agent is going to listen. */
  readonly place: Place;
  readonly watchAgent: WatchAgent;
  /** Whether this agent knows its node's pods. */
  readonly isInSync: () => boolean;
  readonly clock: Clock;
  readonly log: Pick<Logger, "info">;
}

/** The agent before this one does better. */
export class SuccessionError extends Error {
  override readonly name = "SuccessionError";
}

/** Far longer than it takes where servers can be reached, and less than the `minReadySeconds` of the manifests. */
const syncWithinMs = 10_000;

/** A connection that was let go is asked for again; the next answer tells whether the agent has left. */
const pauseMs = 5;

/**
 * Waits while another agent serves the node, so that this one takes its place without pods noticing.
 * @throws SuccessionError where no server has told this one of the node's pods in 10 seconds, and the other stays
 */
export async function awaitSuccession(options: SuccessionOptions, signal: AbortSignal): Promise<void> {
  const { place, watchAgent, isInSync, clock, log } = options;
  const startedMs = clock.now();
  let told = false;
  for (;;) {
    const seen = await watchAgent(place, signal);
    switch (seen) {
      case "none":
        return;
      case "left":
        await clock.sleep(pauseMs, signal);
        break;
      case "stays":
        if (!isInSync() && clock.now() - startedMs >= syncWithinMs) {
          const where = formatHostPort(place.host, place.port);
          throw new SuccessionError(
            `another agent serves on ${where}, and no server has told this one of its pods yet`,
          );
        }
        if (!told) {
          log.info("another agent serves this node: its place is taken when it leaves");
          told = true;
        }
        break;
      default:
        return seen satisfies never;
    }
  }
}
