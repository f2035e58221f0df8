import { expect, test } from "bun:test";
import { identityKey } from "../../../../src/domain/role-identity.ts";
import { toNodePod } from "../../../../src/server/policy/node-pod.ts";
import { aPod } from "../../../fakes/pods.ts";
import { aRole } from "../../../fakes/roles.ts";

const role = aRole("arn:aws:iam::123456789012:role/reader");
const identity = { role, sessionName: "kiam-kiam", externalId: "shared-secret" };
const pod = aPod({ request: { source: "pod-annotation", role: "/reader", externalId: "shared-secret" } });

test("an agent learns who the pod is and what it may have", () => {
  const told = toNodePod(pod, { kind: "allowed", identity, nameBelowBase: "reader" }, 7n);

  expect(told).toEqual({
    uid: pod.uid,
    name: pod.name,
    namespace: pod.namespace,
    addresses: pod.addresses,
    annotatedRole: "/reader",
    startedAtMs: pod.startedAtMs,
    decision: { kind: "allowed", identity: identityKey(identity), role, nameBelowBase: "reader" },
    versions: { pod: 100n, namespace: 7n },
  });
});

test("an external id is told to nobody", () => {
  const told = toNodePod(pod, { kind: "allowed", identity }, 7n);

  expect(Bun.inspect(told)).not.toContain("shared-secret");
  expect(told.decision).not.toHaveProperty("nameBelowBase");
});

test("a denial is told as a sentence, with the role where there is one", () => {
  const withRole = toNodePod(pod, { kind: "denied", denial: { kind: "servers-own-role", role }, role }, 7n);
  const withoutRole = toNodePod(pod, { kind: "denied", denial: { kind: "malformed-role", annotated: "a b" } }, 7n);

  expect(withRole.decision).toEqual({
    kind: "denied",
    explanation: `role '${role}' is the kiam server's own and is never issued`,
    role,
  });
  expect(withoutRole.decision).toEqual({ kind: "denied", explanation: "annotation 'a b' is not a role" });
});

test("a pod that asks for no role is told of too", () => {
  const told = toNodePod(aPod(), { kind: "no-role" }, 7n);

  expect(told.annotatedRole).toBe("");
  expect(told.decision).toEqual({ kind: "no-role" });
});

test("of a pod that its namespace denies is told which credentials it would have, and not its external id", () => {
  const denial = { kind: "namespace-forbids", pattern: "", role } as const;

  const told = toNodePod(pod, { kind: "denied", denial, role, wanted: identity }, 7n);

  expect(told.decision).toMatchObject({ kind: "denied", wanted: identityKey(identity) });
  expect(Bun.inspect(told)).not.toContain("shared-secret");
});
