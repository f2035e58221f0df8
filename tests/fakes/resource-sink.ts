import type { ResourceSink } from "../../src/domain/observed.ts";

export interface RecordingSink<Item, Id> extends ResourceSink<Item, Id> {
  readonly items: ReadonlyMap<Id, Item>;
  /** Every call, in its order: `replaceAll 2`, `upsert <id>`, `remove <id>`. */
  readonly calls: readonly string[];
  /** Every removal, with the version of the news: `<id> at <version>`. */
  readonly removals: readonly string[];
  /** Resolves once there have been so many calls. */
  called(times: number): Promise<void>;
}

export function createRecordingSink<Item, Id>(idOf: (item: Item) => Id): RecordingSink<Item, Id> {
  const items = new Map<Id, Item>();
  const calls: string[] = [];
  const removals: string[] = [];
  const waiters = new Set<() => void>();

  function record(call: string): void {
    calls.push(call);
    for (const look of waiters) {
      look();
    }
  }

  return {
    items,
    calls,
    removals,
    replaceAll(all) {
      items.clear();
      for (const item of all) {
        items.set(idOf(item), item);
      }
      record(`replaceAll ${all.length}`);
    },
    upsert(item) {
      items.set(idOf(item), item);
      record(`upsert ${idOf(item)}`);
    },
    remove(id, resourceVersion) {
      items.delete(id);
      removals.push(`${id} at ${resourceVersion}`);
      record(`remove ${id}`);
    },
    async called(times) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const look = () => {
        if (calls.length >= times) {
          resolve();
        }
      };
      waiters.add(look);
      look();
      await promise;
      waiters.delete(look);
    },
  };
}
