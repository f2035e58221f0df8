import type { Observed } from "../domain/observed.ts";

/** A kind of object that the API server lists and watches, and how it is read. */
export interface ApiResource<Item, Id> {
  /** In logs and metrics. */
  readonly name: "pods" | "namespaces";
  /** Of the collection, in all namespaces: `/api/v1/pods`. */
  readonly path: string;
  /** Reads one object. Never throws. */
  readonly parse: (raw: unknown) => Observed<Item, Id>;
  readonly idOf: (item: Item) => Id;
}
