import type { Logger } from "../../runtime/logger.ts";
import type { ReplicaError, ReplicaFailure } from "./replica.ts";

/** Tells people once of each change between this agent and the servers; what merely repeats is at debug. */
export interface FeedReport {
  connected(address: string, nodeName: string): void;
  failed(error: ReplicaError): void;
  /** @param why what was said of the server when it was asked for the node service */
  servedByGo(address: string, why: ReplicaError): void;
}

export function createFeedReport(log: Pick<Logger, "debug" | "info" | "warn">): FeedReport {
  let last: ReplicaFailure | "connected" | undefined;
  /** While a Go server serves every other server is asked for the node service again and again. */
  const toldMeanwhile = new Set<ReplicaFailure>();

  return {
    connected(address, nodeName) {
      const level = last === "connected" ? "debug" : "info";
      last = "connected";
      toldMeanwhile.clear();
      log[level]("in sync with a server", { addr: address, node: nodeName });
    },
    failed({ failure, message }) {
      const level = last === failure || toldMeanwhile.has(failure) ? "debug" : "warn";
      if (toldMeanwhile.size > 0) {
        toldMeanwhile.add(failure);
      } else {
        last = failure;
      }
      log[level](message);
    },
    servedByGo(address, { failure, message }) {
      const level = toldMeanwhile.has(failure) ? "debug" : "warn";
      toldMeanwhile.add(failure);
      log[level](message, { addr: address });
    },
  };
}
