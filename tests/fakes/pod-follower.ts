import type { Pod, PodUid } from "../../src/domain/pod.ts";
import type { ApiConnection } from "../../src/kubernetes/connection.ts";
import { followResource } from "../../src/kubernetes/list-watch.ts";
import { podResource } from "../../src/kubernetes/parse-pod.ts";
import { bookmark, podList, rawPod } from "./api-objects.ts";
import type { FakeApiServer, FakeRequest } from "./api-server.ts";
import { createFakeClock } from "./clock.ts";
import { createRecordingLogger } from "./recording-logger.ts";
import { createRecordingSink } from "./resource-sink.ts";

/** More than the first pause after a failure, less than any time limit. */
export const pauseMs = 1000;

export function connectionTo(baseUrl: string): ApiConnection {
  return { baseUrl, access: async () => ({ kind: "access", tls: { rejectUnauthorized: true } }), refused: () => {} };
}

/** Follows the fake's pods until disposed. */
export function startFollowing(connection: ApiConnection) {
  const clock = createFakeClock();
  const sink = createRecordingSink<Pod, PodUid>((pod) => pod.uid);
  const logger = createRecordingLogger();
  const stop = new AbortController();
  const told: string[] = [];
  let heardAtMs = Number.NaN;
  let onHeard = () => {};
  const done = followResource(
    {
      resource: podResource,
      connection,
      sink,
      clock,
      random: () => 0,
      logger,
      hooks: {
        synced: () => told.push("synced"),
        listed: (items) => told.push(`listed ${items}`),
        unreadable: (problem) => told.push(problem),
        heard(atMs) {
          heardAtMs = atMs;
          onHeard();
        },
      },
    },
    stop.signal,
  );
  return {
    clock,
    sink,
    logger,
    told,
    stop,
    done,
    get heardAtMs() {
      return heardAtMs;
    },
    /** Resolves the next time that something is heard. */
    hears: () =>
      new Promise<void>((resolve) => {
        onHeard = resolve;
      }),
    /** Lets the pause after a failure pass. */
    async pause() {
      await clock.waiting(pauseMs);
      await clock.advance(pauseMs);
    },
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("end of test"));
      await done;
    },
  };
}

/** How long it takes on the follower's clock, in steps of 125 ms. */
export async function passedUntil(event: Promise<unknown>, { clock }: Follower): Promise<number> {
  const startMs = clock.now();
  let hasCome = false;
  void event.then(() => {
    hasCome = true;
  });
  while (!hasCome) {
    await clock.waiting(10_000);
    await clock.advance(125);
    await Promise.race([event, clock.waiting(10_000)]);
  }
  return clock.now() - startMs;
}

/** Resolves once only the wait for silence is left of a watch's time limits. */
export async function headHasCome({ clock }: Follower): Promise<void> {
  while (clock.timers > 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export type Follower = ReturnType<typeof startFollowing>;

/** Answers the list that comes next, and takes the watch that follows it. */
export async function listed(
  api: FakeApiServer,
  items: readonly unknown[],
  resourceVersion: string,
): Promise<FakeRequest> {
  (await api.next()).answer(200, podList(items, resourceVersion));
  return await api.next();
}

/** Begins the answer to a watch, and lets its first line arrive. */
export async function opened(watch: FakeRequest, follower: Follower): Promise<void> {
  const heard = follower.hears();
  watch.open();
  await watch.send(bookmark(watch.query["resourceVersion"] ?? ""));
  await heard;
}

export const pod = (name: string, resourceVersion = "10") => rawPod({ name, resourceVersion });
export const names = ({ sink }: Follower) => [...sink.items.keys()].map(String).sort();
