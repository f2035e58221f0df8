import { parseAllDocuments } from "yaml";

/** Objects as they stand in manifests, not yet looked into. */
export interface ManifestObjects {
  readonly pods: readonly Record<string, unknown>[];
  readonly namespaces: readonly Record<string, unknown>[];
  /** `Kind/name` of what is neither a Pod nor a Namespace. */
  readonly leftOut: readonly string[];
}

export type Manifests =
  | ({ readonly kind: "read" } & ManifestObjects)
  /** One line that says what is wrong, and in which line of which file. */
  | { readonly kind: "mistake"; readonly problem: string };

/** Reads the documents of one YAML file; a `List` stands for its items. */
export function readManifests(text: string, file: string): Manifests {
  const pods: Record<string, unknown>[] = [];
  const namespaces: Record<string, unknown>[] = [];
  const leftOut: string[] = [];
  for (const document of parseAllDocuments(text, { prettyErrors: true })) {
    const mistake = document.errors[0];
    if (mistake !== undefined) {
      const [firstLine = ""] = mistake.message.split("\n");
      return {
        kind: "mistake",
        problem: `${file}:${mistake.linePos?.[0].line ?? 1}: ${firstLine.replace(/ at line .*$/, "")}`,
      };
    }
    for (const object of objectsOf(document.toJS())) {
      const problem = problemOf(object);
      if (problem !== undefined) {
        return { kind: "mistake", problem: `${file}: ${problem}` };
      }
      switch (object["kind"]) {
        case "Pod":
          pods.push(object);
          break;
        case "Namespace":
          namespaces.push(object);
          break;
        default:
          leftOut.push(`${String(object["kind"])}/${nameOf(object)}`);
      }
    }
  }
  return { kind: "read", pods, namespaces, leftOut };
}

function objectsOf(content: unknown): readonly Record<string, unknown>[] {
  if (content === null || content === undefined) {
    return [];
  }
  if (!isRecord(content)) {
    return [{}];
  }
  const items = content["items"];
  return content["kind"] === "List" && Array.isArray(items) ? items.flatMap(objectsOf) : [content];
}

function problemOf(object: Record<string, unknown>): string | undefined {
  if (typeof object["kind"] !== "string") {
    return "a document without a kind; kiam dev reads Pods and Namespaces";
  }
  if (nameOf(object) === "") {
    return `a ${object["kind"]} without metadata.name`;
  }
  const metadata = object["metadata"];
  const annotations = isRecord(metadata) ? metadata["annotations"] : undefined;
  const wrong = Object.entries(isRecord(annotations) ? annotations : {}).find(([, value]) => typeof value !== "string");
  return wrong === undefined
    ? undefined
    : `${object["kind"]} ${nameOf(object)}: annotation ${wrong[0]} is not a string; put it into quotes`;
}

function nameOf(object: Record<string, unknown>): string {
  const metadata = object["metadata"];
  const name = isRecord(metadata) ? metadata["name"] : undefined;
  return typeof name === "string" ? name : "";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
