import type { ApiFaultProxy } from "../../fakes/api-faults/proxy.ts";
import type { Follower } from "./follower.ts";

/** One follower behind a proxy that plays one schedule of faults. */
export interface Lane {
  readonly proxy: ApiFaultProxy;
  readonly follower: Follower;
}
