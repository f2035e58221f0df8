import type { Observed } from "../domain/observed.ts";
import type { Namespace } from "../domain/pod.ts";
import { textAt } from "./raw-json.ts";
import type { ApiResource } from "./resource.ts";

export const namespaceResource: ApiResource<Namespace, string> = {
  name: "namespaces",
  path: "/api/v1/namespaces",
  parse: parseNamespace,
  idOf: (namespace) => namespace.name,
};

/** A v1 Namespace as the API server writes it. One that is terminating still has pods that must finish: it is live. */
export function parseNamespace(raw: unknown): Observed<Namespace, string> {
  const name = textAt(raw, "metadata", "name");
  if (name === "") {
    return { kind: "unreadable", problem: "a namespace without name" };
  }
  const permitted = textAt(raw, "metadata", "annotations", "iam.amazonaws.com/permitted");
  return { kind: "live", item: { name, permitted, resourceVersion: textAt(raw, "metadata", "resourceVersion") } };
}
