import { expect, test } from "bun:test";
import { type IdentityKey, identityKey, type RoleIdentity } from "../../../../src/domain/role-identity.ts";
import { neverAborted, untilAborted } from "../../../../src/runtime/abort.ts";
import { createPodLookup, type Lookup } from "../../../../src/server/rpc/pod-lookup.ts";
import { createNamespaceStore } from "../../../../src/server/workload/namespaces.ts";
import { createPodStore } from "../../../../src/server/workload/pods.ts";
import { createFakeClock, settle } from "../../../fakes/clock.ts";
import { aNamespace, anAddress, aPod, aUid } from "../../../fakes/pods.ts";
import { decideByName } from "../../../fakes/policy.ts";
import { identityOf } from "../../../fakes/sts.ts";

const address = anAddress("10.0.0.1");

/** A lookup whose credentials come when the test says so, named for the identity that they were asked for. */
function setUp() {
  const clock = createFakeClock();
  const pods = createPodStore();
  const namespaces = createNamespaceStore();
  const gates = new Map<IdentityKey, PromiseWithResolvers<void>>();
  const gateOf = (identity: RoleIdentity) => {
    const key = identityKey(identity);
    const gate = gates.get(key) ?? Promise.withResolvers<void>();
    gates.set(key, gate);
    return gate;
  };
  const lookup = createPodLookup({
    pods,
    namespaces,
    decide: decideByName,
    failures: { note: () => undefined },
    clock,
    issuance: {
      noteAnswered: () => undefined,
      async get(identity, _namespace, signal) {
        await untilAborted(gateOf(identity).promise, signal);
        const times = { issuedAtMs: clock.now(), expiresAtMs: clock.now() + 3_600_000 };
        const secrets = { secretAccessKey: "s", sessionToken: "t" };
        return {
          kind: "issued",
          credentials: { accessKeyId: identity.role.split("/")[1] ?? "", ...secrets, ...times },
        };
      },
    },
  });
  let version = 1_000;
  namespaces.upsert(aNamespace({ permitted: "reader|writer" }));
  return {
    clock,
    pods,
    put(role: string, overrides: Parameters<typeof aPod>[0] = {}) {
      version += 1;
      pods.upsert(
        aPod({ request: { source: "pod-annotation", role }, resourceVersion: String(version), ...overrides }),
      );
    },
    permit(permitted: string) {
      version += 1;
      namespaces.upsert(aNamespace({ permitted, resourceVersion: String(version) }));
    },
    asked: () => gates.size,
    issue: (role: string) => gateOf(identityOf(role)).resolve(),
    find: (wants = () => true, signal = neverAborted()) => lookup.findWithCredentials(address, "node-a", wants, signal),
  };
}

/** What is answered, as a test reads it. */
function said(found: Lookup) {
  if (found.kind !== "pod") {
    return found.kind;
  }
  const { result } = found;
  const outcome = result?.kind === "issued" ? result.credentials.accessKeyId : result?.failure.code;
  return `${found.pod.uid} ${found.decision.kind} ${outcome ?? "nothing"}`;
}

test("credentials that come while the pod is as it was are the pod's", async () => {
  const server = setUp();
  server.put("reader");
  const found = server.find();
  await settle();
  server.put("reader", { startedAtMs: 7 });

  server.issue("reader");

  expect(said(await found)).toBe("uid-1 allowed reader");
});

test("a pod that is deleted while its flight is up gets nothing", async () => {
  const server = setUp();
  server.put("reader");
  const found = server.find();
  await settle();

  server.pods.remove(aUid("uid-1"));
  server.issue("reader");

  expect(said(await found)).toBe("nobody");
});

test("a pod that got the address while the former's flight is up gets its own role's credentials", async () => {
  const server = setUp();
  server.put("reader", { uid: "former" });
  const found = server.find();
  await settle();

  server.pods.remove(aUid("former"));
  server.put("writer", { uid: "new" });
  server.issue("reader");
  await settle();
  const asked = server.asked();
  server.issue("writer");

  expect(said(await found)).toBe("new allowed writer");
  expect(asked).toBe(2);
});

test("an annotation that changes while the flight is up: the other role's credentials", async () => {
  const server = setUp();
  server.put("reader");
  const found = server.find();
  await settle();

  server.put("writer");
  server.issue("reader");
  await settle();
  server.issue("writer");

  expect(said(await found)).toBe("uid-1 allowed writer");
});

test("a namespace that is narrowed while the flight is up: the denial", async () => {
  const server = setUp();
  server.put("reader");
  const found = server.find();
  await settle();

  server.permit("writer");
  server.issue("reader");

  expect(said(await found)).toBe("uid-1 denied nothing");
});

test("credentials that do not come in five seconds in all are a failure that another try may mend", async () => {
  const server = setUp();
  server.put("reader");
  const found = server.find();
  await settle();
  await server.clock.advance(3_000);
  server.put("writer");
  server.issue("reader");
  await settle();

  await server.clock.advance(1_999);
  const state = Promise.race([found, Promise.resolve("waiting")]);
  expect(await state).toBe("waiting");
  await server.clock.advance(1);

  expect(said(await found)).toBe("uid-1 allowed Timeout");
  expect(server.clock.timers).toBe(0);
});

test("what is not wanted is not asked for", async () => {
  const server = setUp();
  server.put("reader");

  expect(said(await server.find(() => false))).toBe("uid-1 allowed nothing");
  expect(server.asked()).toBe(0);
});

test("a caller that hangs up is let go with its own reason", async () => {
  const server = setUp();
  const leaving = new AbortController();
  server.put("reader");
  const found = server.find(() => true, leaving.signal);
  await settle();

  leaving.abort(new Error("hung up"));

  await expect(found).rejects.toThrow("hung up");
  expect(server.clock.timers).toBe(0);
});
