import type { InstanceMetadata } from "./instance-metadata.ts";

/** Reads the instance's id. Rejects with {@link InstanceIdError}, or the signal's reason. */
export type ReadInstanceId = (signal: AbortSignal) => Promise<string>;

export class InstanceIdError extends Error {
  override readonly name = "InstanceIdError";
}

const path = "/latest/meta-data/instance-id";

export function readInstanceIdOf(metadata: InstanceMetadata): ReadInstanceId {
  return async (signal) => {
    const found = await metadata.get(path, signal);
    switch (found.kind) {
      case "answer": {
        const id = found.body.toString("latin1").trim();
        if (found.status !== 200) {
          throw new InstanceIdError(`GET ${path}: status ${found.status}`);
        }
        if (!/^[\w-]{1,64}$/.test(id)) {
          throw new InstanceIdError("the metadata service answered what is not an instance id");
        }
        return id;
      }
      case "silent":
        throw new InstanceIdError("the metadata service did not answer in time");
      case "failed":
        throw new InstanceIdError(found.reason);
      default:
        throw found satisfies never;
    }
  };
}
