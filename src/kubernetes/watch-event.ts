import { type ApiFailure, pauseAsked } from "./failure.ts";
import { at, textAt } from "./raw-json.ts";

/** One line of a watch. https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes */
export type WatchEvent =
  | { readonly kind: "changed" | "deleted"; readonly object: unknown; readonly resourceVersion: string }
  /** Nothing changed: only a newer place to watch from. */
  | { readonly kind: "bookmark"; readonly resourceVersion: string }
  | { readonly kind: "failed"; readonly failure: ApiFailure }
  | { readonly kind: "garbled" };

export function parseWatchEvent(line: string): WatchEvent {
  let raw: unknown;
  try {
    raw = JSON.parse(line);
  } catch {
    return { kind: "garbled" };
  }
  const object = at(raw, "object");
  const resourceVersion = textAt(object, "metadata", "resourceVersion");
  const type = textAt(raw, "type");
  if (type === "ERROR") {
    return { kind: "failed", failure: failureOf(object) };
  }
  if (resourceVersion === "") {
    return { kind: "garbled" };
  }
  switch (type) {
    case "ADDED":
    case "MODIFIED":
      return { kind: "changed", object, resourceVersion };
    case "DELETED":
      return { kind: "deleted", object, resourceVersion };
    case "BOOKMARK":
      return { kind: "bookmark", resourceVersion };
    default:
      return { kind: "garbled" };
  }
}

/** An error in a watch is a v1 Status, with the code that a refused request would have had. */
function failureOf(status: unknown): ApiFailure {
  const code = at(status, "code");
  return {
    kind: "refused",
    status: typeof code === "number" ? code : 500,
    message: textAt(status, "message").slice(0, 300),
    retryAfterMs: pauseAsked(at(status, "details", "retryAfterSeconds")),
  };
}
