import { type Logger, reasonOf } from "../../runtime/logger.ts";
import type { HandlerName } from "../metrics.ts";
import type { AccessLog } from "./access-log.ts";
import type { Answer } from "./answer.ts";
import type { Health } from "./health.ts";
import { isOwnHost } from "./host.ts";
import { notFound } from "./not-found.ts";
import type { AnswerSource, Observer } from "./observe.ts";
import { ping } from "./ping.ts";
import type { PodRoutes } from "./pod-routes.ts";
import { refuse } from "./refusal.ts";
import type { MetadataRequest } from "./request.ts";
import { parseTarget, type Target } from "./target.ts";

/** Answers a request: at once where nothing has to be waited for. Rejects only when the client has hung up. */
export type Handle = (request: MetadataRequest) => Answer | Promise<Answer>;

export interface RouterOptions {
  readonly pods: PodRoutes;
  readonly health: Health;
  readonly observer: Observer;
  readonly accessLog: AccessLog;
  readonly log: Pick<Logger, "error">;
  /** A clock for durations, in milliseconds and fractions. */
  readonly monotonicMs: () => number;
}

export function createRouter({ pods, health, observer, accessLog, log, monotonicMs }: RouterOptions): Handle {
  function dispatch(target: Target, request: MetadataRequest): Answer | Promise<Answer> {
    if (target.kind === "malformed") {
      return refuse(target);
    }
    if (request.headers.problem !== undefined) {
      return refuse({ kind: "malformed", problem: request.headers.problem });
    }
    if (!isOwnHost(request.headers.host, request.local)) {
      return refuse({ kind: "wrong-host" });
    }
    if (target.kind === "token") {
      return pods.token(request, target);
    }
    return request.method === "GET" || request.method === "HEAD"
      ? read(target, request)
      : refuse({ kind: "wrong-method", allow: "GET, HEAD" });
  }

  function read(target: ReadableTarget, request: MetadataRequest): Answer | Promise<Answer> {
    switch (target.kind) {
      case "ping":
        return ping();
      case "health":
        return request.isFromNode ? health(target.isDeep, request.signal) : notFound();
      case "role-name":
        return pods.roleName(request, target.form);
      case "credentials":
        return pods.credentials(request, target);
      case "instance-profile":
        return pods.instanceProfile(request);
      case "other":
        return pods.other(request);
      default:
        return target satisfies never;
    }
  }

  function broken(error: unknown): Answer {
    log.error("request failed", { error: reasonOf(error) });
    return refuse({ kind: "broken" });
  }

  return (request) => {
    const startedMs = monotonicMs();
    const target = parseTarget(request.target);
    const observed = (answer: Answer, source: AnswerSource): Answer => {
      const [handler, seconds] = [handlerOf(target), (monotonicMs() - startedMs) / 1_000];
      observer.answered(handler, answer.status, seconds, source);
      accessLog.answered(request, handler, answer, seconds);
      return answer;
    };
    try {
      const answer = dispatch(target, request);
      return answer instanceof Promise
        ? answer
            .catch((error) => {
              request.signal.throwIfAborted();
              return broken(error);
            })
            .then((late) => observed(late, "waited"))
        : observed(answer, "local");
    } catch (error) {
      return observed(broken(error), "local");
    }
  };
}

type ReadableTarget = Exclude<Target, { kind: "malformed" | "token" }>;

function handlerOf(target: Target): HandlerName {
  switch (target.kind) {
    case "ping":
    case "health":
    case "token":
    case "credentials":
      return target.kind;
    case "role-name":
      return "roleName";
    case "instance-profile":
      return "info";
    case "other":
    case "malformed":
      return "proxy";
    default:
      return target satisfies never;
  }
}
