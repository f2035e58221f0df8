import type { PodEvent, PodEventOutcome, PostPodEvent } from "../../src/domain/pod-event.ts";
import type { PodEvents } from "../../src/server/events/pod-events.ts";

/** What is told of pods, as a test reads it: `stands default/reader-1 KiamRoleForbidden failed assuming …`. */
export function createRecordingEvents(): Pick<PodEvents, "happened" | "stands"> & { readonly told: readonly string[] } {
  const told: string[] = [];
  const record =
    (how: string): PodEvents["stands"] =>
    ({ namespace, name }, { reason, message }) => {
      told.push(`${how} ${namespace}/${name} ${reason} ${message}`);
    };
  return { told, happened: record("happened"), stands: record("stands") };
}

export interface Post {
  readonly event: PodEvent;
  readonly known: "new" | "counted";
  readonly signal: AbortSignal;
}

/** Where events are posted: it takes them all, until the test says otherwise. */
export function createFakePostPodEvent(): PostPodEvent & {
  readonly posts: readonly Post[];
  answer(outcome: (event: PodEvent) => PodEventOutcome): void;
} {
  const posts: Post[] = [];
  let outcomeOf = ({ count }: PodEvent): PodEventOutcome => ({ kind: "posted", count });
  const post: PostPodEvent = async (event, known, signal) => {
    posts.push({ event, known, signal });
    return outcomeOf(event);
  };
  return Object.assign(post, {
    posts,
    answer: (outcome: typeof outcomeOf) => {
      outcomeOf = outcome;
    },
  });
}
