import { apiStatus, bookmark, podList, watchEvent } from "../../tests/fakes/api-objects.ts";
import { type FakeApiServerTls, type FakeRequest, startFakeApiServer } from "../../tests/fakes/api-server.ts";
import type { Happening, Life } from "./life.ts";

/** An API server that tells of a life as fast as those who watch can take it. */
export interface LiveApi extends AsyncDisposable {
  readonly baseUrl: string;
  /** Events posted on pods, and counted on. */
  readonly posts: number;
  /** Lets so many things happen; resolves when those who watch are not far behind. */
  advance(count: number): Promise<void>;
  /** Resolves once those who watch have been told everything. */
  told(): Promise<void>;
  /** The watches end: in order, by the loss of their connections, or for good, so that they have to list again. */
  endWatches(how: "in order" | "lost" | "expired"): void;
}

interface Watch {
  readonly request: FakeRequest;
  readonly resource: Happening["resource"];
  isOpen: boolean;
  /** The last version that it has been told of. */
  version: number;
}

const pageSize = 500;
const bookmarkEveryMs = 20_000;
/** What a watch that comes back can still be told. */
const mostKept = 5_000;
/** As far as a watch may be behind. */
const farBehind = 500;

export async function startLiveApi(life: Life, tls: FakeApiServerTls): Promise<LiveApi> {
  const api = await startFakeApiServer(tls);
  const watches = new Set<Watch>();
  const lists = new Map<string, { readonly objects: readonly unknown[]; readonly version: number }>();
  let kept: Happening[] = [];
  let posts = 0;
  let news = Promise.withResolvers<void>();
  let progress = Promise.withResolvers<void>();

  /** Everything after a version, of all resources. */
  function after(version: number): readonly Happening[] {
    const first = kept.findIndex((happening) => happening.version > version);
    return first === -1 ? [] : kept.slice(first);
  }

  async function tell(watch: Watch): Promise<void> {
    while (watch.isOpen) {
      const come = after(watch.version);
      if (come.length === 0) {
        await news.promise;
        continue;
      }
      const lines = come.filter(({ resource }) => resource === watch.resource).map(({ line }) => line);
      if (lines.length > 0) {
        await watch.request.send(lines.join(""));
      }
      watch.version = come.at(-1)?.version ?? watch.version;
      progress.resolve();
      progress = Promise.withResolvers();
    }
  }

  function open(request: FakeRequest, resource: Happening["resource"]): void {
    request.open();
    const version = Number(request.query["resourceVersion"]);
    const oldest = kept[0]?.version ?? life.version + 1;
    if (version < oldest - 1) {
      void request.send(watchEvent("ERROR", apiStatus(410, "too old resource version")));
      request.end();
      return;
    }
    const watch: Watch = { request, resource, isOpen: true, version };
    watches.add(watch);
    void request.left.then(() => close(watch));
    void tell(watch);
  }

  function close(watch: Watch): void {
    watch.isOpen = false;
    watches.delete(watch);
    progress.resolve();
    progress = Promise.withResolvers();
  }

  function list(request: FakeRequest, resource: Happening["resource"]): void {
    const [name = "", from = "0"] = (request.query["continue"] ?? "").split("/");
    const held = lists.get(name) ?? { objects: life.objects(resource), version: life.version };
    const key = name || crypto.randomUUID();
    const end = Number(from) + pageSize;
    const isLast = end >= held.objects.length;
    if (isLast) {
      lists.delete(key);
    } else {
      lists.set(key, held);
    }
    const page = held.objects.slice(Number(from), end);
    request.answer(200, podList(page, String(held.version), isLast ? "" : `${key}/${end}`));
  }

  function answer(request: FakeRequest): void {
    const resource = /^\/api\/v1\/(pods|namespaces)$/.exec(request.path)?.[1] as Happening["resource"] | undefined;
    if (resource === undefined) {
      posts += Number(/\/events(\/|$)/.test(request.path));
      request.answer(request.method === "POST" ? 201 : 200, request.body);
    } else if (request.query["watch"] === undefined) {
      list(request, resource);
    } else {
      open(request, resource);
    }
  }

  async function serve(): Promise<void> {
    for (;;) {
      answer(await api.next());
    }
  }

  async function waitUntil(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await progress.promise;
    }
  }

  void serve();
  const bookmarks = setInterval(() => {
    for (const { request, version } of watches) {
      if (version >= life.version) {
        void request.send(bookmark(String(version)));
      }
    }
  }, bookmarkEveryMs);
  return {
    baseUrl: api.baseUrl,
    get posts() {
      return posts;
    },
    async advance(count) {
      kept.push(...Array.from({ length: count }, life.next));
      if (kept.length > 2 * mostKept) {
        kept = kept.slice(-mostKept);
      }
      news.resolve();
      news = Promise.withResolvers();
      await waitUntil(() => [...watches].every(({ version }) => version >= life.version - farBehind));
    },
    told: () => waitUntil(() => watches.size > 0 && [...watches].every(({ version }) => version >= life.version)),
    endWatches(how) {
      if (how === "expired") {
        kept = [];
      }
      for (const watch of watches) {
        const { request } = watch;
        close(watch);
        if (how === "lost") {
          request.cut();
        } else {
          request.end();
        }
      }
    },
    async [Symbol.asyncDispose]() {
      clearInterval(bookmarks);
      await api[Symbol.asyncDispose]();
    },
  };
}
