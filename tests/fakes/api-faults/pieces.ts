import type { Dice } from "../../fixtures/dice.ts";
import type { ApiFault } from "./fault.ts";

/** What a client gets of an answer's body, one after another; a body that ends without a word ends in good order. */
export type Piece =
  | { readonly kind: "send"; readonly bytes: Uint8Array | string }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "cut" }
  /** Nothing more, and no end. */
  | { readonly kind: "hang" };

export interface AnswerBody {
  /** As it comes from the API server; throws where the API server is lost. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Where the watch began. */
  readonly resourceVersion: string;
  /** Resolves after a while by the proxy's clock. */
  readonly after: (ms: number) => Promise<void>;
}

/** A body as the fault leaves it. */
export async function* piecesOf(fault: ApiFault, body: AnswerBody, dice: Dice): AsyncGenerator<Piece> {
  switch (fault.kind) {
    case "cut":
      yield* upTo(fault.afterBytes, body);
      yield { kind: "cut" };
      return;
    case "stall":
      yield* upTo(fault.afterBytes, body);
      yield fault.cutAfterMs === undefined ? { kind: "hang" } : { kind: "wait", ms: fault.cutAfterMs };
      yield { kind: "cut" };
      return;
    case "drip":
      yield* drip(fault.pieceBytes, fault.everyMs, body);
      return;
    case "again":
      yield* again(body, dice);
      return;
    case "shuffle":
      yield* shuffle(body, dice);
      return;
    case "error-event":
      yield* until(fault.afterLines, body, errorEvent(fault.code, fault.retryAfterSeconds));
      return;
    case "garbage":
      yield* until(fault.afterLines, body, "<html>502 Bad Gateway</html>\n");
      return;
    case "bookmarks-only":
      yield* bookmarks(fault.cutAfterMs, body.resourceVersion);
      return;
    case "pass":
    case "small-pages":
    case "refuse":
    case "hang":
    case "reset":
      yield* upTo(Number.POSITIVE_INFINITY, body);
      return;
    default:
      fault satisfies never;
  }
}

const send = (bytes: Uint8Array | string): Piece => ({ kind: "send", bytes });

async function* upTo(bytes: number, { chunks }: AnswerBody): AsyncGenerator<Piece> {
  let left = bytes;
  try {
    for await (const chunk of chunks) {
      yield send(chunk.subarray(0, left));
      left -= chunk.byteLength;
      if (left <= 0) {
        return;
      }
    }
  } catch {
    yield { kind: "cut" };
  }
}

async function* drip(pieceBytes: number, everyMs: number, body: AnswerBody): AsyncGenerator<Piece> {
  for await (const piece of upTo(Number.POSITIVE_INFINITY, body)) {
    if (piece.kind !== "send") {
      yield piece;
      continue;
    }
    for (let start = 0; start < piece.bytes.length; start += pieceBytes) {
      yield send(piece.bytes.slice(start, start + pieceBytes));
      yield { kind: "wait", ms: everyMs };
    }
  }
}

/** Whole lines; the last one is left out where its end is missing. A lost API server ends them. */
async function* linesOf({ chunks }: AnswerBody): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for await (const chunk of chunks) {
      const lines = `${rest}${decoder.decode(chunk, { stream: true })}`.split("\n");
      rest = lines.pop() ?? "";
      yield* lines.map((line) => `${line}\n`);
    }
  } catch {
    // To the client it is the end of the watch.
  }
}

const mostRemembered = 8;

async function* again(body: AnswerBody, dice: Dice): AsyncGenerator<Piece> {
  const recent: string[] = [];
  for await (const line of linesOf(body)) {
    yield send(dice.happens(0.5) ? `${line}${line}` : line);
    recent.push(line);
    recent.splice(0, recent.length - mostRemembered);
    if (dice.happens(0.3)) {
      yield send(recent[dice.between(0, recent.length - 1)] ?? line);
    }
  }
}

/** By the proxy's clock: some milliseconds in fact. */
const windowMs = 1_000;

/** What comes within a moment is sent at once: a client that had only a part of it would never hear of the rest. */
async function* shuffle(body: AnswerBody, dice: Dice): AsyncGenerator<Piece> {
  const lines = linesOf(body);
  let coming = lines.next();
  for (let isOver = false; !isOver; ) {
    const window: string[] = [];
    let first = await coming;
    const late = body.after(windowMs).then(() => "late" as const);
    for (let next: typeof first | "late" = first; next !== "late"; next = await Promise.race([coming, late])) {
      first = next;
      isOver = first.done === true;
      if (first.done === true) {
        break;
      }
      window.push(first.value);
      coming = lines.next();
    }
    yield send(reordered(window, dice).join(""));
  }
}

function reordered(lines: readonly string[], dice: Dice): readonly string[] {
  const queues = new Map<string, string[]>();
  for (const line of lines) {
    const { object } = JSON.parse(line);
    const name = `${object.metadata.namespace}/${object.metadata.name}`;
    queues.set(name, [...(queues.get(name) ?? []), line]);
  }
  const order: string[] = [];
  while (order.length < lines.length) {
    const waiting = [...queues.values()].filter((queue) => queue.length > 0);
    order.push(...(waiting[dice.between(0, waiting.length - 1)]?.splice(0, 1) ?? []));
  }
  return order;
}

async function* until(afterLines: number, body: AnswerBody, last: string): AsyncGenerator<Piece> {
  let left = afterLines;
  if (left > 0) {
    for await (const line of linesOf(body)) {
      yield send(line);
      left -= 1;
      if (left <= 0) {
        break;
      }
    }
  }
  yield send(last);
}

function errorEvent(code: number, retryAfterSeconds: number | undefined): string {
  const object = {
    ...{ kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", code },
    message: code === 410 ? "too old resource version" : "etcdserver: request timed out",
    ...(retryAfterSeconds === undefined ? {} : { details: { retryAfterSeconds } }),
  };
  return `${JSON.stringify({ type: "ERROR", object })}\n`;
}

const bookmarkEveryMs = 500;

async function* bookmarks(forMs: number, resourceVersion: string): AsyncGenerator<Piece> {
  const object = { metadata: { resourceVersion } };
  for (let passedMs = 0; passedMs < forMs; passedMs += bookmarkEveryMs) {
    yield send(`${JSON.stringify({ type: "BOOKMARK", object })}\n`);
    yield { kind: "wait", ms: bookmarkEveryMs };
  }
  yield { kind: "cut" };
}
