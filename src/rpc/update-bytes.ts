import { toBinary } from "@bufbuild/protobuf";
import type { Credentials } from "../domain/credentials.ts";
import type { NodeUpdate } from "../domain/node-pod.ts";
import type { ObjectVersion } from "../domain/object-version.ts";
import { toWatchNodeResponse } from "./convert.ts";
import type { EncodeCredentials } from "./credentials-bytes.ts";
import { WatchNodeResponseSchema } from "./gen/kiam/v1/node_pb.ts";

/** Encodes what streams carry, an update that many streams get once: what is news to all is the renewal of a role that all use. */
export function createUpdateEncoder(encode: EncodeCredentials): (update: NodeUpdate) => Uint8Array {
  const renewals = new WeakMap<Credentials, Encoded>();
  const toBytes = (update: NodeUpdate) => toBinary(WatchNodeResponseSchema, toWatchNodeResponse(update, encode));

  return (update) => {
    const renewal = renewalIn(update);
    if (renewal === undefined) {
      return toBytes(update);
    }
    const { credentials, podsVersion } = renewal;
    const held = renewals.get(credentials);
    if (held?.podsVersion === podsVersion) {
      return held.bytes;
    }
    const bytes = toBytes(update);
    renewals.set(credentials, { podsVersion, bytes });
    return bytes;
  };
}

interface Encoded {
  readonly podsVersion: ObjectVersion;
  readonly bytes: Uint8Array;
}

/** What the update says, where it is of one identity's new credentials and nothing else. */
function renewalIn(
  update: NodeUpdate,
): { readonly credentials: Credentials; readonly podsVersion: ObjectVersion } | undefined {
  if (update.kind !== "changes" || update.pods.length + update.removed.length > 0 || update.identities.length !== 1) {
    return undefined;
  }
  const result = update.identities[0]?.result;
  return result?.kind === "issued" ? { credentials: result.credentials, podsVersion: update.podsVersion } : undefined;
}
