import { type Document, parseAllDocuments } from "yaml";
import { reasonOf } from "../../runtime/logger.ts";

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

/** Reads the documents of one YAML file; a `List` (or `PodList`) stands for its items. */
export function readManifests(text: string, file: string): Manifests {
  const pods: Record<string, unknown>[] = [];
  const namespaces: Record<string, unknown>[] = [];
  const leftOut: string[] = [];
  // What YAML only warns about it would write on standard error by itself.
  for (const document of parseAllDocuments(text, { prettyErrors: true, logLevel: "error" })) {
    const content = contentOf(document);
    if (content.kind === "mistake") {
      return { kind: "mistake", problem: `${file}${content.place}: ${content.problem}` };
    }
    for (const object of objectsOf(content.value)) {
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

type Content =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "mistake"; readonly place: string; readonly problem: string };

function contentOf(document: Document): Content {
  const mistake = document.errors[0];
  if (mistake !== undefined) {
    const [firstLine = ""] = mistake.message.split("\n");
    return {
      kind: "mistake",
      place: `:${mistake.linePos?.[0].line ?? 1}`,
      problem: firstLine.replace(/ at line .*$/, ""),
    };
  }
  try {
    // Aliases are followed only here, and one may name nothing.
    const value: unknown = document.toJS();
    return isEndless(value)
      ? { kind: "mistake", place: "", problem: "an alias names what it is itself a part of" }
      : { kind: "value", value };
  } catch (error) {
    return { kind: "mistake", place: "", problem: reasonOf(error) };
  }
}

function isEndless(value: unknown): boolean {
  try {
    JSON.stringify(value);
    return false;
  } catch {
    return true;
  }
}

function objectsOf(content: unknown): readonly Record<string, unknown>[] {
  if (content === null || content === undefined) {
    return [];
  }
  if (!isRecord(content)) {
    return [{}];
  }
  const items = content["items"];
  return isList(content) && Array.isArray(items)
    ? items.flatMap((item) => objectsOf(withKind(item, content)))
    : [content];
}

const lists: readonly unknown[] = ["List", "PodList", "NamespaceList"];

/** `kubectl get -o yaml` writes `List`; the items of the API's own lists may leave their kind out. */
function isList(object: Record<string, unknown>): boolean {
  return lists.includes(object["kind"]);
}

function withKind(item: unknown, list: Record<string, unknown>): unknown {
  const kind = String(list["kind"]).slice(0, -"List".length);
  return isRecord(item) && kind !== "" ? { kind, ...item } : item;
}

function problemOf(object: Record<string, unknown>): string | undefined {
  if (typeof object["kind"] !== "string") {
    return "a document without a kind; kiam dev reads Pods and Namespaces";
  }
  if (isList(object)) {
    return `a ${object["kind"]} whose items are no list`;
  }
  if (nameOf(object) === "") {
    return `a ${object["kind"]} without metadata.name`;
  }
  const problem = problemOfMetadata(object["metadata"]);
  return problem === undefined ? undefined : `${object["kind"]} ${nameOf(object)}: ${problem}`;
}

function problemOfMetadata(metadata: unknown): string | undefined {
  const { namespace, annotations } = isRecord(metadata) ? metadata : {};
  if (namespace !== undefined && typeof namespace !== "string") {
    return "its namespace is not a string; put it into quotes";
  }
  if (annotations !== undefined && annotations !== null && !isRecord(annotations)) {
    return "its annotations are no map";
  }
  const wrong = Object.entries(annotations ?? {}).find(([, value]) => typeof value !== "string");
  return wrong === undefined ? undefined : `annotation ${wrong[0]} is not a string; put it into quotes`;
}

function nameOf(object: Record<string, unknown>): string {
  const metadata = object["metadata"];
  const name = isRecord(metadata) ? metadata["name"] : undefined;
  return typeof name === "string" ? name : "";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
