import type { Observed } from "../domain/observed.ts";
import type { ApiFailure } from "./failure.ts";
import { at, listAt, textAt } from "./raw-json.ts";
import { type ApiDependencies, askForText, parseJson } from "./request.ts";
import type { ApiResource } from "./resource.ts";

/** Objects a page: of 7 KB each, one page is 3.5 MB of JSON, the most that is ever held of what is not kept. */
const pageSize = 500;

/** A page read from a busy etcd takes seconds, not tens of them. */
const longestPageMs = 30_000;

export type ListResult<Item> =
  | { readonly kind: "listed"; readonly items: readonly Item[]; readonly resourceVersion: string }
  | ApiFailure;

export interface ListHooks {
  /** A page has come. */
  onPage(): void;
  onUnreadable(problem: string): void;
}

/**
 * All live objects of a resource, page by page, as they were at one resource version. Of each page only what was parsed
 * from it is kept. A refusal with status 410 in the middle means that the rest of the pages is lost, and the list to be begun again.
 */
export async function listAll<Item, Id>(
  deps: ApiDependencies,
  resource: ApiResource<Item, Id>,
  hooks: ListHooks,
  signal: AbortSignal,
): Promise<ListResult<Item>> {
  const ask: AskForPage = (next) => {
    const query = new URLSearchParams({ limit: String(pageSize), ...(next === "" ? {} : { continue: next }) });
    return askForText(deps, { path: `${resource.path}?${query}`, withinMs: longestPageMs }, signal);
  };
  const items: Item[] = [];
  for (let coming = ask(""); ; ) {
    const page = await takePage(coming, ask, resource);
    if (page.kind !== "page") {
      return page;
    }
    hooks.onPage();
    for (const observed of page.observed) {
      if (observed.kind === "live") {
        items.push(observed.item);
      } else if (observed.kind === "unreadable") {
        hooks.onUnreadable(observed.problem);
      }
    }
    if (page.following === undefined) {
      return { kind: "listed", items, resourceVersion: page.resourceVersion };
    }
    coming = page.following;
  }
}

type PageText = Awaited<ReturnType<typeof askForText>>;
/** @param next where the page begins; empty for the first */
type AskForPage = (next: string) => Promise<PageText>;

type Page<Item, Id> =
  | {
      readonly kind: "page";
      readonly observed: readonly Observed<Item, Id>[];
      readonly resourceVersion: string;
      /** The next page, asked for already; absent on the last. */
      readonly following?: Promise<PageText>;
    }
  | ApiFailure;

/**
 * Reads a page, and asks for the next one before, so that the API server prepares it meanwhile. A function of its own, so that a
 * page's JSON is garbage before the next one is read.
 */
async function takePage<Item, Id>(
  coming: Promise<PageText>,
  ask: AskForPage,
  resource: ApiResource<Item, Id>,
): Promise<Page<Item, Id>> {
  const answer = await coming;
  if (answer.kind !== "text") {
    return answer;
  }
  const ahead = nextAhead(answer.text);
  const asked = ahead === "" ? undefined : ask(ahead);
  const list = parseJson(answer.text);
  const resourceVersion = list.kind === "json" ? textAt(list.json, "metadata", "resourceVersion") : "";
  if (list.kind !== "json" || resourceVersion === "" || at(list.json, "items") === undefined) {
    await asked;
    return list.kind === "json" ? { kind: "lost", reason: "an answer that is no list" } : list;
  }
  const next = textAt(list.json, "metadata", "continue");
  const following = asked ?? (next === "" ? undefined : ask(next));
  return {
    kind: "page",
    observed: listAt(list.json, "items").map(resource.parse),
    resourceVersion,
    ...(following === undefined ? {} : { following }),
  };
}

/** A list's metadata, which API servers write before its items, holds a version, a number, and a place with an object's name. */
const longestHead = 4096;

/** Where the next page begins, where that can be told without parsing the page; else empty. */
function nextAhead(page: string): string {
  const head = /^\{"kind":"\w+","apiVersion":"v1","metadata":(\{[^{}]*\}),"items":\[/.exec(page.slice(0, longestHead));
  const metadata = parseJson(head?.[1] ?? "{}");
  return metadata.kind === "json" ? textAt(metadata.json, "continue") : "";
}
