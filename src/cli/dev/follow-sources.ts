import type { Clock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import type { Task } from "../../runtime/tasks.ts";
import type { ManifestObjects, Manifests } from "./manifests.ts";
import type { DevSources } from "./sources.ts";

export interface FollowSourcesOptions {
  readonly sources: DevSources;
  /** What was read first, and is in use. */
  readonly first: ManifestObjects;
  readonly onChange: (objects: ManifestObjects) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, "error">;
}

/** Fast for a person who has just saved a file. */
const readAgainMs = 500;

/** Reads the manifests again and again. A mistake in them is told once, and what was read before stays in use. */
export function followSources({ sources, first, onChange, clock, logger }: FollowSourcesOptions): Task {
  let inUse = textOf(first);
  let told: string | undefined;

  async function take(manifests: Manifests): Promise<void> {
    if (manifests.kind === "mistake") {
      if (manifests.problem !== told) {
        logger.error(`${manifests.problem}; what was read before stays in use`);
      }
      told = manifests.problem;
      return;
    }
    told = undefined;
    const text = textOf(manifests);
    if (text !== inUse) {
      await onChange(manifests);
      inUse = text;
    }
  }

  return async (signal) => {
    for (;;) {
      await clock.sleep(readAgainMs, signal);
      await take(await sources.read());
    }
  };
}

function textOf({ pods, namespaces, leftOut }: ManifestObjects): string {
  return JSON.stringify([pods, namespaces, leftOut]);
}
