import type { Clock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import type { Task } from "../../runtime/tasks.ts";
import type { ManifestObjects, Manifests } from "./manifests.ts";
import type { DevSources } from "./sources.ts";

export interface FollowSourcesOptions {
  readonly sources: DevSources;
  /** What was read first, and is in use. */
  readonly first: ManifestObjects;
  /** Takes what was read into use, and answers what keeps part of it from that, in one line each: then it is called again. */
  readonly onChange: (objects: ManifestObjects) => Promise<readonly string[]>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, "error">;
}

/** Fast for a person who has just saved a file. */
const readAgainMs = 500;

/** Reads the manifests again and again. A mistake in them is told once, and what was read before stays in use. */
export function followSources({ sources, first, onChange, clock, logger }: FollowSourcesOptions): Task {
  /** `undefined` while part of what was read waits to be used. */
  let inUse: string | undefined = textOf(first);
  let told: readonly string[] = [];

  function tell(problems: readonly string[]): void {
    for (const problem of problems.filter((one) => !told.includes(one))) {
      logger.error(problem);
    }
    told = problems;
  }

  async function take(manifests: Manifests): Promise<void> {
    if (manifests.kind === "mistake") {
      tell([`${manifests.problem}; what was read before stays in use`]);
      return;
    }
    const text = textOf(manifests);
    const problems = text === inUse ? [] : await onChange(manifests);
    tell(problems);
    inUse = problems.length === 0 ? text : undefined;
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
