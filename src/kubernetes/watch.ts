import type { Clock } from "../runtime/clock.ts";
import { type ApiFailure, describeFailure, lost } from "./failure.ts";
import { createLineDecoder } from "./lines.ts";
import { type ApiDependencies, askForStream } from "./request.ts";
import { parseWatchEvent, type WatchEvent } from "./watch-event.ts";

/** The API server ends a watch after this long; spread, so that replicas and resources don't come back together. */
const watchSeconds = { shortest: 270, longest: 310 };

/** An API server sends the head of a watch at once. */
const longestHeadMs = 15_000;

/** Bookmarks come about once a minute: silence for longer is a connection that nobody holds at the other end. */
const longestSilenceMs = 90_000;

/** etcd refuses objects over 1.5 MiB; JSON makes them a few times longer. */
const longestLineBytes = 16 * 1024 * 1024;

/** How a watch ended; none of them is unexpected. */
export type WatchEnd =
  /** By the server, after its time or with its own end. */
  | { readonly kind: "ended" }
  | { readonly kind: "silent" }
  /** Something that is no event: which change it was can't be known. */
  | { readonly kind: "garbled" }
  | ApiFailure;

/** In one line, for logs. */
export function describeEnd(end: WatchEnd): string {
  switch (end.kind) {
    case "ended":
      return "by the server";
    case "silent":
      return `nothing came for ${longestSilenceMs / 1000} s`;
    case "garbled":
      return "something came that is no event";
    case "refused":
    case "lost":
      return describeFailure(end);
    default:
      return end satisfies never;
  }
}

export interface WatchHooks {
  /** The server has taken the watch: the head of its answer has come. */
  onOpened(): void;
  /** Something has come, if only a part of a line. */
  onHeard(): void;
  /** Never a failure or a garbled line. */
  onEvent(event: Extract<WatchEvent, { readonly resourceVersion: string }>): void;
}

/** Follows a resource's changes after a resource version. Rejects only with the signal's reason. */
export async function watchFrom(
  deps: ApiDependencies & { readonly random: () => number },
  path: string,
  resourceVersion: string,
  hooks: WatchHooks,
  signal: AbortSignal,
): Promise<WatchEnd> {
  const { shortest, longest } = watchSeconds;
  const query = new URLSearchParams({
    watch: "1",
    allowWatchBookmarks: "true",
    resourceVersion,
    timeoutSeconds: String(Math.floor(shortest + deps.random() * (longest - shortest))),
  });
  signal.throwIfAborted();
  const stop = new AbortController();
  const onAbort = () => stop.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  using silence = createSilenceAlarm(deps.clock, () => stop.abort());
  try {
    const answer = await askForStream(deps, { path: `${path}?${query}`, withinMs: longestHeadMs }, stop);
    if (answer.kind !== "stream") {
      signal.throwIfAborted();
      return answer;
    }
    hooks.onOpened();
    const end = await readEvents(answer.body, silence, hooks);
    signal.throwIfAborted();
    return silence.rang ? { kind: "silent" } : end;
  } finally {
    signal.removeEventListener("abort", onAbort);
    // Whatever ended the reading, the connection must not stay.
    stop.abort();
  }
}

async function readEvents(
  body: ReadableStream<Uint8Array>,
  silence: SilenceAlarm,
  hooks: WatchHooks,
): Promise<WatchEnd> {
  const chunks = body[Symbol.asyncIterator]();
  const decode = createLineDecoder(longestLineBytes);
  for (let piece = await read(chunks); ; piece = await read(chunks)) {
    if (piece.kind !== "chunk") {
      return piece;
    }
    silence.postpone();
    hooks.onHeard();
    const decoded = decode(piece.chunk);
    if (decoded.kind === "too-long") {
      return { kind: "garbled" };
    }
    for (const line of decoded.lines) {
      const event = parseWatchEvent(line);
      switch (event.kind) {
        case "failed":
          return event.failure;
        case "garbled":
          return event;
        default:
          hooks.onEvent(event);
      }
    }
  }
}

async function read(
  chunks: AsyncIterator<Uint8Array>,
): Promise<{ readonly kind: "chunk"; readonly chunk: Uint8Array } | WatchEnd> {
  try {
    const { done, value } = await chunks.next();
    return done ? { kind: "ended" } : { kind: "chunk", chunk: value };
  } catch (error) {
    return lost(error);
  }
}

interface SilenceAlarm extends Disposable {
  readonly rang: boolean;
  postpone(): void;
}

/** Rings once nothing has postponed it for {@link longestSilenceMs}. */
function createSilenceAlarm(clock: Clock, ring: () => void): SilenceAlarm {
  let rang = false;
  const set = () =>
    clock.after(longestSilenceMs, () => {
      rang = true;
      ring();
    });
  let timer = set();
  return {
    get rang() {
      return rang;
    },
    postpone() {
      timer[Symbol.dispose]();
      timer = set();
    },
    [Symbol.dispose]: () => timer[Symbol.dispose](),
  };
}
