import { reasonOf } from "../runtime/logger.ts";
import { textAt } from "./raw-json.ts";

/** Why there is no answer to use. */
export type ApiFailure =
  /** The API server answered with an error status. */
  | {
      readonly kind: "refused";
      readonly status: number;
      readonly message: string;
      /** How long the server asks to be left alone; 0 where it does not ask. */
      readonly retryAfterMs: number;
    }
  /** No answer, or not all of one: network, TLS, time, or nothing to log in with. */
  | { readonly kind: "lost"; readonly reason: string };

/** In one line, for logs and errors. */
export function describeFailure(failure: ApiFailure): string {
  switch (failure.kind) {
    case "refused":
      return `HTTP ${failure.status}: ${failure.message}`;
    case "lost":
      return failure.reason;
    default:
      return failure satisfies never;
  }
}

/** Of what a request threw. Bun adds advice for programmers, which operators can't follow, and keeps the code apart. */
export function lost(error: unknown): ApiFailure {
  const reason = reasonOf(error).replace(/\.? (?:For more information, pass|Is the computer|Was there a typo) .*$/, "");
  const code = textAt(error, "code");
  return { kind: "lost", reason: code === "" || reason.includes(code) ? reason : `${reason} (${code})` };
}

/** Longer pauses are not taken from a server: what is known would get too old meanwhile. */
const longestPauseSeconds = 60;

/** The pause that a server asks for, ms; it writes whole seconds. Anything else asks for none. */
export function pauseAsked(seconds: unknown): number {
  return typeof seconds === "number" && seconds > 0 ? Math.min(seconds, longestPauseSeconds) * 1000 : 0;
}

/** `410 Gone`: the API server no longer has what lies between a resource version, or a page, and now. */
export function isExpired(failure: ApiFailure): boolean {
  return failure.kind === "refused" && failure.status === 410;
}
