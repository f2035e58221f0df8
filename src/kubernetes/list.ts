import type { Observed } from "../domain/observed.ts";
import type { ApiFailure } from "./failure.ts";
import { at, listAt, textAt } from "./raw-json.ts";
import { type ApiDependencies, askForJson } from "./request.ts";
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
  const items: Item[] = [];
  for (let next = ""; ; ) {
    const page = await readPage(deps, resource, next, signal);
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
    if (page.next === "") {
      return { kind: "listed", items, resourceVersion: page.resourceVersion };
    }
    next = page.next;
  }
}

type Page<Item, Id> =
  | {
      readonly kind: "page";
      readonly observed: readonly Observed<Item, Id>[];
      /** Where the next page begins; empty on the last. */
      readonly next: string;
      readonly resourceVersion: string;
    }
  | ApiFailure;

/** A function of its own, so that a page's JSON is garbage before the next one comes. */
async function readPage<Item, Id>(
  deps: ApiDependencies,
  resource: ApiResource<Item, Id>,
  next: string,
  signal: AbortSignal,
): Promise<Page<Item, Id>> {
  const query = new URLSearchParams({ limit: String(pageSize), ...(next === "" ? {} : { continue: next }) });
  const answer = await askForJson(deps, { path: `${resource.path}?${query}`, withinMs: longestPageMs }, signal);
  if (answer.kind !== "json") {
    return answer;
  }
  const resourceVersion = textAt(answer.json, "metadata", "resourceVersion");
  if (resourceVersion === "" || at(answer.json, "items") === undefined) {
    return { kind: "lost", reason: "an answer that is no list" };
  }
  return {
    kind: "page",
    observed: listAt(answer.json, "items").map(resource.parse),
    next: textAt(answer.json, "metadata", "continue"),
    resourceVersion,
  };
}
