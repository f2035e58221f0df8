import type { Clock } from "../../runtime/clock.ts";
import type { LogFields, Logger } from "../../runtime/logger.ts";
import { createRecentMap } from "../../runtime/recent-map.ts";
import type { HandlerName } from "../metrics.ts";
import type { Answer } from "./answer.ts";
import type { MetadataRequest } from "./request.ts";

export interface AccessLog {
  /** @param seconds since the request was read */
  answered(request: MetadataRequest, handler: HandlerName, answer: Answer, seconds: number): void;
}

export interface AccessLogDeps {
  readonly log: Pick<Logger, "debug" | "error">;
  readonly clock: Pick<Clock, "now">;
}

/** A pod in a loop is one line in so long for each handler and status, and a number in the metrics. */
const toldAgainAfterMs = 60_000;

/** Some statuses for each pod of a large node. */
const mostRemembered = 4_096;

/**
 * Writes down requests in the Go release's words: each at debug, because they come by the thousand, and refused ones as errors, not
 * the same again for a minute.
 */
export function createAccessLog({ log, clock }: AccessLogDeps): AccessLog {
  const toldAtMs = createRecentMap<string, number>(mostRemembered);

  function isDue(subject: string): boolean {
    const nowMs = clock.now();
    if (nowMs - (toldAtMs.get(subject) ?? Number.NEGATIVE_INFINITY) < toldAgainAfterMs) {
      return false;
    }
    toldAtMs.set(subject, nowMs);
    return true;
  }

  return {
    answered(request, handler, { status, body }, seconds) {
      if (status >= 400 && isDue(`${request.client} ${handler} ${status}`)) {
        log.error(`error processing request: ${messageIn(body)}`, fieldsOf(request, status, seconds));
      } else {
        log.debug("processed request", fieldsOf(request, status, seconds));
      }
    },
  };
}

/** The Go release's keys. Without the query, as there; `duration` in milliseconds. */
function fieldsOf({ client, method, target }: MetadataRequest, status: number, seconds: number): LogFields {
  const query = target.indexOf("?");
  return {
    addr: client,
    method,
    path: query === -1 ? target : target.slice(0, query),
    status,
    duration: Math.round(seconds * 1e6) / 1e3,
  };
}

/** Enough of what the metadata service says of a forwarded path. */
const longestMessage = 300;

/** Refusals are the metadata service's JSON; `/health` says what is wrong in plain text. */
function messageIn(body: string): string {
  try {
    const { Message } = JSON.parse(body);
    return typeof Message === "string" ? Message : body.slice(0, longestMessage);
  } catch {
    return body.slice(0, longestMessage);
  }
}
