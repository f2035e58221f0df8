import { at, listAt, textAt } from "../../kubernetes/raw-json.ts";

/** A role that pods of a namespace are annotated with, and the namespace's pattern. */
export interface PermittedRole {
  readonly namespace: string;
  /** Never empty: a namespace without one permits nothing, whatever the version. */
  readonly pattern: string;
  readonly annotated: string;
}

export type ReadList =
  | {
      readonly kind: "read";
      readonly roles: readonly PermittedRole[];
      /** Namespaces with a pattern and no role to try it on. */
      readonly untried: readonly Pick<PermittedRole, "namespace" | "pattern">[];
    }
  | { readonly kind: "problem"; readonly problem: string };

/** Reads what `kubectl get … -o json` prints of namespaces and pods; workloads and their pods' templates count as pods. */
export function readList(text: string): ReadList {
  const items = itemsOf(text);
  if (items === undefined) {
    return { kind: "problem", problem: "is not what kubectl prints with -o json" };
  }
  const namespaces = items.filter((item) => textAt(item, "kind") === "Namespace");
  if (namespaces.length === 0) {
    return { kind: "problem", problem: "holds no namespace: kubectl get namespaces,pods --all-namespaces -o json" };
  }
  const annotated = rolesByNamespace(items);
  const tried = namespaces
    .map((item) => ({ namespace: textAt(item, "metadata", "name"), pattern: annotation(item, "permitted") }))
    .filter(({ pattern }) => pattern !== "")
    .map((each) => ({ ...each, roles: annotated.get(each.namespace) ?? new Set<string>() }));
  return {
    kind: "read",
    roles: tried.flatMap(({ roles, ...each }) => [...roles].map((role) => ({ ...each, annotated: role }))),
    untried: tried.filter(({ roles }) => roles.size === 0).map(({ namespace, pattern }) => ({ namespace, pattern })),
  };
}

function itemsOf(text: string): readonly unknown[] | undefined {
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(at(list, "items")) ? listAt(list, "items") : undefined;
  } catch {
    return undefined;
  }
}

/** Where a pod, or the template that pods are made from, has its metadata. */
const podPaths: readonly (readonly string[])[] = [
  [],
  ["spec", "template"],
  ["spec", "jobTemplate", "spec", "template"],
];

function rolesByNamespace(items: readonly unknown[]): ReadonlyMap<string, Set<string>> {
  const roles = new Map<string, Set<string>>();
  for (const item of items) {
    const namespace = textAt(item, "metadata", "namespace");
    for (const role of podPaths.map((path) => annotation(at(item, ...path), "role")).filter((each) => each !== "")) {
      roles.set(namespace, (roles.get(namespace) ?? new Set()).add(role));
    }
  }
  return roles;
}

function annotation(item: unknown, name: "role" | "permitted"): string {
  return textAt(item, "metadata", "annotations", `iam.amazonaws.com/${name}`);
}
