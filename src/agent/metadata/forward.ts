import type { Clock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import { createFlights } from "../credentials/flights.ts";
import { type Answer, answer } from "./answer.ts";
import { createForwardBudget } from "./forward-budget.ts";
import { forwardablePath } from "./forwardable.ts";
import type { InstanceAnswer, InstanceMetadata } from "./instance-metadata.ts";
import { refuse } from "./refusal.ts";

/** What is forwarded, and where to. */
export interface Forwarding {
  /** Whether the operator lets that path be forwarded. */
  readonly isAllowed: (path: string) => boolean;
  readonly metadata: InstanceMetadata;
}

/** Asks the real metadata service on pods' behalf. */
export interface Forward {
  /** What a request's target is forwarded as; `undefined` where it is not. */
  pathOf(target: string): string | undefined;
  /**
   * Nothing but the path goes on. Rejects only with the signal's reason.
   * @param party whose share of the budget it is
   */
  get(path: string, party: string, signal: AbortSignal): Promise<Answer>;
}

export interface ForwardOptions {
  /** `undefined` forwards nothing. */
  readonly forwarding: Forwarding | undefined;
  readonly clock: Clock;
  readonly log: Pick<Logger, "error">;
}

/** SDKs give up after a second. */
const longestWaitMs = 1_000;

/** Identical requests under way are one; nothing is kept of its answer. */
export function createForward({ forwarding, clock, log }: ForwardOptions): Forward {
  if (forwarding === undefined) {
    return { pathOf: () => undefined, get: async () => refuse({ kind: "no-such-path" }) };
  }
  const { isAllowed, metadata } = forwarding;
  const budget = createForwardBudget(clock);
  const flights = createFlights<InstanceAnswer>();

  async function fly(path: string, party: string, signal: AbortSignal): Promise<InstanceAnswer> {
    await budget.pass(path, party, signal);
    return await metadata.get(path, signal);
  }

  function answerOf(path: string, found: InstanceAnswer): Answer {
    switch (found.kind) {
      case "answer":
        if (holdsCredentials(found.body)) {
          log.error("the metadata service answered a forwarded path with credentials: not passed on", { path });
          return refuse({ kind: "no-such-path" });
        }
        return passedOn(found);
      case "silent":
        return refuse({ kind: "metadata-silent" });
      case "failed":
        return refuse({ kind: "metadata-failed", reason: found.reason });
      default:
        return found satisfies never;
    }
  }

  return {
    pathOf(target) {
      const path = forwardablePath(target);
      return path !== undefined && isAllowed(path) ? path : undefined;
    },
    async get(path, party, signal) {
      signal.throwIfAborted();
      const waiting = new AbortController();
      const onAbort = () => waiting.abort(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      using _patience = clock.after(longestWaitMs, () => {
        if (budget.isWaiting(path)) {
          waiting.abort(new WaitedTooLong("the node's budget of metadata requests is used up"));
        }
      });
      try {
        const flight = flights.join(path, (flying) => fly(path, party, flying), waiting.signal);
        budget.join(path, party);
        return answerOf(path, await flight);
      } catch (error) {
        if (error instanceof WaitedTooLong) {
          return refuse({ kind: "forward-throttled" });
        }
        throw error;
      } finally {
        signal.removeEventListener("abort", onAbort);
      }
    },
  };
}

class WaitedTooLong extends Error {
  override readonly name = "WaitedTooLong";
}

/** Of the answer's headers the type alone: others are about a connection or a client that is not the pod's. */
function passedOn({ status, contentType, body }: Extract<InstanceAnswer, { readonly kind: "answer" }>): Answer {
  const isPrintable = contentType !== undefined && /^[\x20-\x7e]{1,200}$/.test(contentType);
  const passed = answer(status, isPrintable ? contentType : "application/octet-stream", "", {
    "Content-Length": String(body.length),
  });
  return { ...passed, body: body.toString("latin1"), bodyEncoding: "latin1" };
}

/** Should a path of credentials ever get past the rules for paths: that is how the metadata service writes them. */
function holdsCredentials(body: Buffer): boolean {
  const text = body.toString("latin1");
  return /"AccessKeyId"\s*:/i.test(text) && /"SecretAccessKey"\s*:/i.test(text);
}
