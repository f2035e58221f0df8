import type { Logger } from "../../runtime/logger.ts";
import type { NamespaceStore } from "./namespaces.ts";
import { podFields } from "./pod-fields.ts";
import type { PodChange, PodStore } from "./pods.ts";

export interface ChangeLogDeps {
  readonly pods: Pick<PodStore, "changes">;
  readonly namespaces: Pick<NamespaceStore, "permitted" | "changes">;
  readonly logger: Pick<Logger, "debug">;
}

/** Writes down, for who looks for a fault, what the stores hear of the cluster. Dispose it to stop. */
export function logChanges({ pods, namespaces, logger }: ChangeLogDeps): Disposable {
  const resources = new DisposableStack();
  resources.use(
    pods.changes.add((change) => {
      const pod = change.after ?? change.before;
      if (pod !== undefined) {
        logger.debug(`${whatBecame(change)} pod`, podFields(pod));
      }
    }),
  );
  resources.use(
    namespaces.changes.add((namespace) =>
      logger.debug("updated namespace", { namespace, "namespace.permitted": namespaces.permitted(namespace) }),
    ),
  );
  return resources;
}

function whatBecame({ before, after }: PodChange): "added" | "updated" | "deleted" {
  if (before === undefined) {
    return "added";
  }
  return after === undefined ? "deleted" : "updated";
}
