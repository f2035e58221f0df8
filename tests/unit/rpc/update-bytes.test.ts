import { expect, test } from "bun:test";
import { fromBinary } from "@bufbuild/protobuf";
import type { Credentials } from "../../../src/domain/credentials.ts";
import type { NodeUpdate } from "../../../src/domain/node-pod.ts";
import type { ObjectVersion } from "../../../src/domain/object-version.ts";
import type { PodUid } from "../../../src/domain/pod.ts";
import type { IdentityKey } from "../../../src/domain/role-identity.ts";
import { fromWatchNodeResponse } from "../../../src/rpc/convert.ts";
import { encodeCredentials } from "../../../src/rpc/credentials-bytes.ts";
import { WatchNodeResponseSchema } from "../../../src/rpc/gen/kiam/v1/node_pb.ts";
import { createUpdateEncoder } from "../../../src/rpc/update-bytes.ts";

const credentials: Credentials = {
  ...{ accessKeyId: "ASIA1", secretAccessKey: "secret", sessionToken: "token" },
  ...{ issuedAtMs: 1_700_000_000_000, expiresAtMs: 1_700_003_600_000 },
};

type Changes = Extract<NodeUpdate, { kind: "changes" }>;

const renewal = (more: Partial<Changes> = {}): Changes => ({
  ...{ kind: "changes", pods: [], removed: [], podsVersion: 7n as ObjectVersion },
  identities: [{ identity: "reader" as IdentityKey, result: { kind: "issued", credentials } }],
  ...more,
});

const decode = (bytes: Uint8Array) => fromWatchNodeResponse(fromBinary(WatchNodeResponseSchema, bytes));

test("a renewal is encoded once for all the streams that carry it", () => {
  const encode = createUpdateEncoder(encodeCredentials);

  const [first, second] = [encode(renewal()), encode(renewal())];

  expect(second).toBe(first);
  expect(decode(first)).toEqual(renewal());
});

test("what says more than a renewal, or is said of a later moment, is encoded by itself", () => {
  const encode = createUpdateEncoder(encodeCredentials);
  encode(renewal());
  const others = [
    renewal({ podsVersion: 8n as ObjectVersion }),
    renewal({ removed: [{ uid: "gone" as PodUid, version: 7n as ObjectVersion }] }),
    renewal({
      identities: [
        ...renewal().identities,
        { ...renewal().identities[0], identity: "writer" as IdentityKey },
      ] as Changes["identities"],
    }),
    renewal({
      identities: [
        {
          identity: "reader" as IdentityKey,
          result: { kind: "failed", failure: { kind: "unavailable", code: "a", message: "b" } },
        },
      ],
    }),
  ];

  expect(others.map((update) => decode(encode(update)))).toEqual(others);
});
