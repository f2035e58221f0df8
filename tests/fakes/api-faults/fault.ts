import type { Dice } from "../../fixtures/dice.ts";

/** What becomes of one request on its way to the API server, or of its answer. Times are by the proxy's clock. */
export type ApiFault =
  | { readonly kind: "pass" }
  | {
      readonly kind: "refuse";
      readonly status: 401 | 410 | 429 | 500 | 503;
      readonly retryAfterSeconds?: number;
    }
  /** Taken, and never answered. */
  | { readonly kind: "hang" }
  /** The connection is reset before there is an answer. */
  | { readonly kind: "reset" }
  /** The connection is cut after so many bytes of the body, in the middle of whatever it is. */
  | { readonly kind: "cut"; readonly afterBytes: number }
  /** After so many bytes nothing more comes; the connection is cut later, or stays. */
  | { readonly kind: "stall"; readonly afterBytes: number; readonly cutAfterMs?: number }
  /** The body comes in small pieces, each after a while. */
  | { readonly kind: "drip"; readonly pieceBytes: number; readonly everyMs: number }
  | ListFault
  | WatchFault;

type ListFault =
  /** Fewer objects a page than were asked for, as a server may. */
  { readonly kind: "small-pages"; readonly limit: number };

type WatchFault =
  /** Events come again, at once or after others. */
  | { readonly kind: "again" }
  /** Events of different objects change places; those of one object never do. Such a watch is ended, never cut. */
  | { readonly kind: "shuffle" }
  | {
      readonly kind: "error-event";
      readonly afterLines: number;
      readonly code: 410 | 500;
      readonly retryAfterSeconds?: number;
    }
  /** A line that is no event. */
  | { readonly kind: "garbage"; readonly afterLines: number }
  /** Nothing but bookmarks that stay where the watch began, then a cut. */
  | { readonly kind: "bookmarks-only"; readonly cutAfterMs: number };

/** What becomes of a connection before anything is asked over it. */
export type ConnectionFault = "pass" | "swallow" | "reset";

type Draw = (dice: Dice) => ApiFault;

const anyFaults: readonly Draw[] = [
  () => ({ kind: "pass" }),
  () => ({ kind: "hang" }),
  () => ({ kind: "reset" }),
  (dice) => ({ kind: "cut", afterBytes: dice.between(0, 20_000) }),
  (dice) => ({ kind: "stall", afterBytes: dice.between(0, 20_000), cutAfterMs: dice.between(1_000, 10_000) }),
  (dice) => ({ kind: "drip", pieceBytes: dice.between(50, 2_000), everyMs: dice.between(20, 100) }),
  (dice) => ({ kind: "refuse", status: dice.pick([429, 503]), retryAfterSeconds: dice.between(1, 3) }),
  (dice) => ({ kind: "refuse", status: dice.pick([401, 429, 500, 503]) }),
  () => ({ kind: "refuse", status: 410 }),
];

const smallPages: Draw = (dice) => ({ kind: "small-pages", limit: dice.between(1, 6) });

const watchFaults: readonly Draw[] = [
  () => ({ kind: "again" }),
  () => ({ kind: "again" }),
  () => ({ kind: "shuffle" }),
  () => ({ kind: "shuffle" }),
  (dice) => ({ kind: "error-event", afterLines: dice.between(0, 5), code: 410 }),
  (dice) => ({ kind: "error-event", afterLines: dice.between(0, 5), code: 500, retryAfterSeconds: 1 }),
  (dice) => ({ kind: "garbage", afterLines: dice.between(0, 5) }),
  (dice) => ({ kind: "bookmarks-only", cutAfterMs: dice.between(1_000, 10_000) }),
  // Rare, because it takes the follower a minute and a half to notice.
  (dice) =>
    dice.happens(0.3) ? { kind: "stall", afterBytes: dice.between(0, 20_000) } : { kind: "cut", afterBytes: 1 },
];

const drawFrom = (draws: readonly Draw[], dice: Dice): ApiFault =>
  draws[dice.between(0, draws.length - 1)]?.(dice) ?? { kind: "pass" };

/** One in two lists is taken as it is or in small pages, so that some come to their end. */
export function drawListFault(dice: Dice): ApiFault {
  return dice.happens(0.5) ? drawFrom([() => ({ kind: "pass" }), smallPages], dice) : drawFrom(anyFaults, dice);
}

export function drawWatchFault(dice: Dice): ApiFault {
  return drawFrom(dice.happens(0.6) ? watchFaults : anyFaults, dice);
}

export function drawConnectionFault(dice: Dice): ConnectionFault {
  return dice.happens(0.85) ? "pass" : dice.pick(["swallow", "reset"]);
}
