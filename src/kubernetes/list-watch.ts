import type { ResourceSink } from "../domain/observed.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import type { ApiConnection } from "./connection.ts";
import { describeFailure } from "./failure.ts";
import { listAll } from "./list.ts";
import { afterFailedList, afterWatch, type Next, noTries, type Tries } from "./pace.ts";
import type { ApiResource } from "./resource.ts";
import { describeEnd, watchFrom } from "./watch.ts";
import type { WatchEvent } from "./watch-event.ts";

export interface FollowOptions<Item, Id> {
  readonly resource: ApiResource<Item, Id>;
  readonly connection: ApiConnection;
  readonly sink: ResourceSink<Item, Id>;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  readonly hooks: FollowHooks;
}

/** Who wants to know how the following goes; all of it besides what the sink hears. */
interface FollowHooks {
  /** Called once, when the sink has its first whole list. */
  synced?(): void;
  /** A whole list was taken. */
  listed?(items: number): void;
  /** The API server has said something of this resource just now, if only that nothing changed. */
  heard?(atMs: number): void;
  /** An object could not be read and is left out. */
  unreadable?(problem: string): void;
}

const failuresATold = 10;

/** What says which version it is of. */
type PlacedEvent = Extract<WatchEvent, { readonly resourceVersion: string }>;

/**
 * Keeps the sink at what the API server says of a resource: a whole list, then every change, from where the last was heard.
 * An API server that is away or ails is asked again for ever, and the sink left as it is meanwhile. Resolves once the signal
 * is aborted; rejects only with what the sink throws.
 */
export async function followResource<Item, Id>(options: FollowOptions<Item, Id>, signal: AbortSignal): Promise<void> {
  const { clock } = options;
  const follower = createFollower(options);
  let next: Next = { tries: noTries, step: "list", waitMs: 0 };
  try {
    while (!signal.aborted) {
      next = next.step === "list" ? await follower.list(next, signal) : await follower.watch(next, signal);
      if (next.waitMs > 0) {
        await clock.sleep(next.waitMs, signal);
      }
    }
  } catch (error) {
    if (!signal.aborted) {
      throw error;
    }
  }
}

function createFollower<Item, Id>(options: FollowOptions<Item, Id>) {
  const { resource, sink, clock, random, logger, hooks } = options;
  let heardAtMs = 0;
  let resourceVersion = "";
  let listedAtMs = Number.NEGATIVE_INFINITY;
  let isSynced = false;

  function onHeard(): void {
    heardAtMs = clock.now();
    hooks.heard?.(heardAtMs);
  }

  function onUnreadable(problem: string): void {
    logger.warn(`${resource.name}: left out ${problem}`);
    hooks.unreadable?.(problem);
  }

  function onEvent(event: PlacedEvent): void {
    if (event.kind === "bookmark") {
      sink.reached?.(event.resourceVersion);
    } else {
      apply(event);
    }
    resourceVersion = event.resourceVersion;
  }

  function apply(event: Exclude<PlacedEvent, { readonly kind: "bookmark" }>): void {
    const observed = resource.parse(event.object);
    switch (observed.kind) {
      case "unreadable":
        onUnreadable(observed.problem);
        break;
      case "gone":
        sink.remove(observed.id, event.resourceVersion);
        break;
      case "live":
        if (event.kind === "deleted") {
          sink.remove(resource.idOf(observed.item), event.resourceVersion);
        } else {
          sink.upsert(observed.item);
        }
        break;
      default:
        observed satisfies never;
    }
  }

  function tell(level: keyof Logger, what: string, next: Next): Next {
    logger[level](`${resource.name}: ${what}`, {
      "resource.version": resourceVersion,
      failures: next.tries.failures,
    });
    return next;
  }

  return {
    async list(before: Next, signal: AbortSignal): Promise<Next> {
      const result = await listAll(options, resource, { onPage: onHeard, onUnreadable }, signal);
      if (result.kind !== "listed") {
        const next = afterFailedList(before.tries, result, random());
        return tell(loudness(next.tries), `could not list: ${describeFailure(result)}`, next);
      }
      sink.replaceAll(result.items, result.resourceVersion);
      resourceVersion = result.resourceVersion;
      listedAtMs = clock.now();
      hooks.listed?.(result.items.length);
      logger.info(`${resource.name}: listed`, { "resource.version": resourceVersion, items: result.items.length });
      if (!isSynced) {
        isSynced = true;
        hooks.synced?.();
      }
      return { tries: before.tries, step: "watch", waitMs: 0 };
    },
    async watch(before: Next, signal: AbortSignal): Promise<Next> {
      let openedAtMs = Number.POSITIVE_INFINITY;
      const onOpened = () => {
        openedAtMs = clock.now();
      };
      const end = await watchFrom(options, resource.path, resourceVersion, { onOpened, onHeard, onEvent }, signal);
      const livedUntilMs = end.kind === "silent" ? heardAtMs : clock.now();
      const times = { livedMs: Math.max(livedUntilMs - openedAtMs, 0), sinceListMs: clock.now() - listedAtMs };
      const next = afterWatch(before.tries, end, times, random());
      // A good watch ends by the server when its time is over; whatever else ends one is worth a line.
      const isGood = next.tries.failures === 0;
      const level = isGood ? (end.kind === "ended" ? "debug" : "info") : loudness(next.tries);
      const what = Number.isFinite(openedAtMs) ? "watch ended" : "could not watch";
      return tell(level, `${what}: ${describeEnd(end)}`, next);
    },
  };
}

/** The first failure is told aloud, then every so many: an API server that is away is not news each time. */
function loudness({ failures }: Tries): "warn" | "debug" {
  return failures % failuresATold === 1 ? "warn" : "debug";
}
