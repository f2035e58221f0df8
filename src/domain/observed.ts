/** One object of the API server as a reader of it finds it. */
export type Observed<Item, Id> =
  | { readonly kind: "live"; readonly item: Item }
  /** Still in the API, but over: nothing may be served for it any more. */
  | { readonly kind: "gone"; readonly id: Id }
  | { readonly kind: "unreadable"; readonly problem: string };

/** Who keeps what the API server says. Lists replace everything; a watch changes one at a time. */
export interface ResourceSink<Item, Id> {
  /** @param resourceVersion of the list; absent for one that has none */
  replaceAll(items: readonly Item[], resourceVersion?: string): void;
  upsert(item: Item): void;
  /** @param resourceVersion of the news that it is gone; nothing happens where what is held is newer. Absent: it is gone for certain */
  remove(id: Id, resourceVersion?: string): void;
  /** Whatever happened until this version has been told. */
  reached?(resourceVersion: string): void;
}
