import { expect, test } from "bun:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { parseIpAddress } from "../../../src/domain/ip-address.ts";
import type { IdentityState, NodeDecision, NodePod, NodeUpdate } from "../../../src/domain/node-pod.ts";
import type { PodUid } from "../../../src/domain/pod.ts";
import { parseRoleArn } from "../../../src/domain/role-arn.ts";
import type { IdentityKey } from "../../../src/domain/role-identity.ts";
import {
  fromLookupPodResponse,
  fromWatchNodeResponse,
  MalformedMessage,
  toLookupPodResponse,
  toWatchNodeResponse,
} from "../../../src/rpc/convert.ts";
import {
  LookupPodResponseSchema,
  type WatchNodeResponse,
  WatchNodeResponseSchema,
} from "../../../src/rpc/gen/kiam/v1/node_pb.ts";

const role = parseRoleArn("arn:aws:iam::123456789012:role/reader") ?? fail();
const addresses = ["10.0.0.1", "fd00::1"].map((text) => parseIpAddress(text) ?? fail());

function fail(): never {
  throw new Error("the fixture is not well-formed");
}

const timeMs = fc.integer({ min: 0, max: 4_102_444_800_000 });
const identity = fc.string({ minLength: 1 }).map((text) => text as IdentityKey);

const decision: fc.Arbitrary<NodeDecision> = fc.oneof(
  fc.constant({ kind: "no-role" } as const),
  fc.record({ kind: fc.constant("allowed" as const), identity, role: fc.constant(role) }),
  fc.record({
    kind: fc.constant("allowed" as const),
    identity,
    role: fc.constant(role),
    nameBelowBase: fc.string(),
  }),
  fc.record({ kind: fc.constant("denied" as const), explanation: fc.string() }),
  fc.record({ kind: fc.constant("denied" as const), explanation: fc.string(), role: fc.constant(role) }),
  fc.record({
    kind: fc.constant("denied" as const),
    explanation: fc.string(),
    role: fc.constant(role),
    wanted: identity,
  }),
);

const version = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

const pod: fc.Arbitrary<NodePod> = fc.record({
  uid: fc.string().map((text) => text as PodUid),
  name: fc.string(),
  namespace: fc.string(),
  addresses: fc.subarray(addresses),
  annotatedRole: fc.string(),
  startedAtMs: timeMs,
  decision,
  versions: fc.record({ pod: version, namespace: version }),
});

const state: fc.Arbitrary<IdentityState> = fc.record({
  identity,
  result: fc.oneof(
    fc.record({
      kind: fc.constant("issued" as const),
      credentials: fc.record({
        accessKeyId: fc.string(),
        secretAccessKey: fc.string(),
        sessionToken: fc.string(),
        issuedAtMs: timeMs,
        expiresAtMs: timeMs,
      }),
    }),
    fc.record({
      kind: fc.constant("failed" as const),
      failure: fc.record({ kind: fc.constant("unavailable" as const), code: fc.string(), message: fc.string() }),
    }),
  ),
});

const update: fc.Arbitrary<NodeUpdate> = fc.oneof(
  fc.record({
    kind: fc.constant("snapshot" as const),
    nodeName: fc.string(),
    pods: fc.array(pod),
    identities: fc.array(state),
    heartbeatIntervalMs: fc.integer({ min: 1_000, max: 60_000 }),
    podsVersion: version,
  }),
  fc.record({
    kind: fc.constant("changes" as const),
    pods: fc.array(pod),
    removed: fc.array(fc.record({ uid: fc.string().map((text) => text as PodUid), version })),
    identities: fc.array(state),
    podsVersion: version,
  }),
  fc.record({ kind: fc.constant("heartbeat" as const), podsVersion: version }),
);

function overTheWire(message: WatchNodeResponse): WatchNodeResponse {
  return fromBinary(WatchNodeResponseSchema, toBinary(WatchNodeResponseSchema, message));
}

test("every update comes out of the wire as it went in", () => {
  fc.assert(
    fc.property(update, (sent) => {
      expect(fromWatchNodeResponse(overTheWire(toWatchNodeResponse(sent)))).toEqual(sent);
    }),
  );
});

test("an answer comes out of the wire as it went in, with credentials and without", () => {
  fc.assert(
    fc.property(pod, fc.option(state, { nil: undefined }), (sentPod, sentState) => {
      const sent = sentState === undefined ? { pod: sentPod } : { pod: sentPod, identity: sentState };
      const bytes = toBinary(LookupPodResponseSchema, toLookupPodResponse(sent));
      expect(fromLookupPodResponse(fromBinary(LookupPodResponseSchema, bytes))).toEqual(sent);
    }),
  );
});

test.each([
  ["an update of no kind", {}],
  ["a pod without a decision", { update: { case: "changes" as const, value: { pods: [{ uid: "u" }] } } }],
  [
    "a role that is none",
    {
      update: {
        case: "changes" as const,
        value: {
          pods: [{ uid: "u", decision: { case: "allowed" as const, value: { identity: "i", roleArn: "root" } } }],
        },
      },
    },
  ],
  [
    "credentials without an outcome",
    { update: { case: "changes" as const, value: { credentials: [{ identity: "i" }] } } },
  ],
])("%s is refused", (_, message) => {
  const received = create(WatchNodeResponseSchema, message);

  expect(() => fromWatchNodeResponse(received)).toThrow(MalformedMessage);
});

test("a heartbeat interval outside one second to one minute is brought inside", () => {
  const interval = (heartbeatIntervalMs: number) => {
    const nothing = { pods: [], identities: [], podsVersion: 0n };
    const snapshot = { kind: "snapshot", nodeName: "n", ...nothing, heartbeatIntervalMs } as const;
    const received = fromWatchNodeResponse(toWatchNodeResponse(snapshot));
    return received.kind === "snapshot" && received.heartbeatIntervalMs;
  };

  expect([interval(0), interval(5_000), interval(3_600_000)]).toEqual([1_000, 5_000, 60_000]);
});
