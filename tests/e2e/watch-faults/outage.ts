import type { ControlPlane } from "../lab/control-plane.ts";
import { waitFor } from "../lab/wait.ts";
import type { Lane } from "./lane.ts";
import { pictureOf } from "./picture.ts";

/** By the followers' clock: a page that was begun before the end may take half a minute, and is heard when it is whole. */
const silentMs = 35_000;
const longerMs = 50_000;

/** The API server is killed and comes back. Gives what was lost of what was known meanwhile, in words. */
export async function outage(
  controlPlane: Pick<ControlPlane, "stopApiServer" | "startApiServer">,
  lanes: readonly Lane[],
): Promise<readonly string[]> {
  await controlPlane.stopApiServer();
  await silence(lanes, silentMs);
  const known = lanes.map(({ follower }) => ({ picture: pictureOf(follower), calls: follower.sinks.calls.length }));
  await silence(lanes, longerMs);
  const breaches = lanes.flatMap(({ follower }, index) =>
    Bun.deepEquals(pictureOf(follower), known[index]?.picture, true) &&
    follower.sinks.calls.length === known[index]?.calls
      ? []
      : [`schedule ${index}: its stores changed while the API server was away`],
  );
  await controlPlane.startApiServer();
  // Those that never heard of it before will have to list it yet.
  await waitFor("the metric to tell that the API server is heard again", async () => {
    const ages = await Promise.all(lanes.map(({ follower }) => follower.ageMs()));
    return ages.some((ageMs) => ageMs < silentMs) || undefined;
  });
  return breaches;
}

/** The metric grows while nobody answers. */
async function silence(lanes: readonly Lane[], ms: number): Promise<void> {
  await waitFor(`the metric to tell of ${ms} ms without a word`, async () => {
    const ages = await Promise.all(lanes.map(({ follower }) => follower.ageMs()));
    return ages.every((ageMs) => ageMs > ms) || undefined;
  });
}
