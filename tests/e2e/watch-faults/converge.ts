import type { KubernetesApi } from "../lab/kubernetes-api.ts";
import { waitFor } from "../lab/wait.ts";
import type { Lane } from "./lane.ts";
import { freshStores, pictureOf } from "./picture.ts";

/** Noticing a silence, an answer that never comes and the longest pause may follow each other, twice, and then some. */
const withinMs = 10 * 60_000;

/** Resolves once every follower's stores are what a fresh list says; throws with the difference where one is not in time. */
export async function converge(
  api: KubernetesApi,
  lanes: readonly Lane[],
  clock: { readonly now: () => number },
): Promise<void> {
  const expected = pictureOf(await freshStores(api));
  const untilMs = clock.now() + withinMs;
  const isRight = ({ follower }: Lane) => Bun.deepEquals(pictureOf(follower), expected, true);
  await waitFor(
    "the stores to be what a fresh list says, or time to be over",
    () => lanes.every(isRight) || clock.now() > untilMs || undefined,
    60_000,
  );
  const wrong = lanes.find((lane) => !isRight(lane));
  if (wrong !== undefined) {
    const told = [...differences(pictureOf(wrong.follower), expected), ...historyOf(wrong)];
    throw new Error(`schedule ${lanes.indexOf(wrong)} is not what a fresh list says:\n${told.join("\n")}`);
  }
}

function differences(held: object, expected: object): readonly string[] {
  const own = new Map(Object.entries(held));
  return Object.entries(expected)
    .filter(([name, value]) => !Bun.deepEquals(own.get(name), value, true))
    .map(([name, value]) => `${name}: ${JSON.stringify(own.get(name))}\n  expected ${JSON.stringify(value)}`);
}

/** What a schedule's follower did, for who looks for the fault. */
export function historyOf({ proxy, follower }: Lane): readonly string[] {
  return [
    "asked:",
    ...proxy.records.map((record) => JSON.stringify(record)),
    "the stores were told:",
    ...follower.sinks.calls,
    "logged:",
    ...follower.log(),
  ];
}
