import type { Logger } from "../../runtime/logger.ts";
import type { ReplicaError, ReplicaFailure } from "./replica.ts";

/** Tells people once of each change between this agent and the servers; what merely repeats is at debug. */
export interface FeedReport {
  connected(address: string, nodeName: string): void;
  failed(error: ReplicaError): void;
}

export function createFeedReport(log: Pick<Logger, "debug" | "info" | "warn">): FeedReport {
  let last: ReplicaFailure | "connected" | undefined;

  return {
    connected(address, nodeName) {
      const level = last === "connected" ? "debug" : "info";
      last = "connected";
      log[level]("in sync with a server", { addr: address, node: nodeName });
    },
    failed({ failure, message }) {
      const level = last === failure ? "debug" : "warn";
      last = failure;
      log[level](message);
    },
  };
}
