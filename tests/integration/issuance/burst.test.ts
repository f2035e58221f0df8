import { expect, test } from "bun:test";
import { identityKey } from "../../../src/domain/role-identity.ts";
import { createHub } from "../../../src/server/feed/hub.ts";
import { createPatterns } from "../../../src/server/policy/patterns.ts";
import { createPolicy } from "../../../src/server/policy/policy.ts";
import { settle } from "../../fakes/clock.ts";
import { aNamespace, aPod } from "../../fakes/pods.ts";
import { identityOf } from "../../fakes/sts.ts";
import { createServerStores } from "../../fixtures/server-stores.ts";

const podCount = 10_000;
const nodeCount = 100;
const stsTakesMs = 80;
const fetchers = 8;

/** Real stores, policy, issuance and feed, and the streams of a hundred nodes that say what they were told. */
function createServer() {
  const stores = createServerStores();
  const { clock, issuance } = stores;
  const decide = createPolicy({
    baseArn: "arn:aws:iam::123456789012:role/",
    defaultSession: "kiam",
    serversOwnRoles: () => [],
    patterns: createPatterns("whole"),
  });
  const hub = createHub({ ...stores, decide, heartbeatIntervalMs: 10_000 });
  const stopping = new AbortController();
  const running = issuance.run(stopping.signal);
  /** By node: the identities whose credentials it was sent. */
  const sent = new Map<string, Set<string>>();

  async function follow(node: string): Promise<void> {
    const identities = new Set<string>();
    sent.set(node, identities);
    for await (const update of hub.watch(node, stopping.signal)) {
      for (const { identity, result } of update.kind === "heartbeat" ? [] : update.identities) {
        if (result.kind === "issued" && result.credentials.expiresAtMs > clock.now()) {
          identities.add(identity);
        }
      }
    }
  }
  const streams = Array.from({ length: nodeCount }, (_, index) => follow(`node-${index}`));

  return {
    ...stores,
    sent,
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error("the test is over"));
      await Promise.all([running, ...streams]);
      hub[Symbol.dispose]();
    },
  };
}

test("ten thousand pods in ten seconds, each of a role of its own: every node gets every credential of its pods, at one call each", async () => {
  await using server = createServer();
  const { clock, sts, pods, namespaces, sent } = server;
  sts.onCall((call) => clock.after(stsTakesMs, () => call.issue()));
  for (let index = 0; index < 10; index += 1) {
    namespaces.upsert(aNamespace({ name: `team-${index}`, permitted: ".*" }));
  }
  await settle();

  for (let index = 0; index < podCount; index += 1) {
    pods.upsert(
      aPod({
        ...{ uid: `uid-${index}`, name: `pod-${index}`, namespace: `team-${index % 10}` },
        ...{ nodeName: `node-${index % nodeCount}`, addresses: [], resourceVersion: String(index + 1) },
        request: { source: "pod-annotation", role: `role-${index}` },
      }),
    );
    if (index % 10 === 9) {
      await clock.advance(10);
    }
  }
  const arrivedAfterCalls = sts.calls.length;
  await clock.advance((podCount / fetchers) * stsTakesMs);

  const missing = Array.from({ length: podCount }, (_, index) => index).filter(
    (index) => !sent.get(`node-${index % nodeCount}`)?.has(identityKey(identityOf(`role-${index}`))),
  );
  expect(missing).toEqual([]);
  expect([sts.calls.length, sts.mostUp, sts.mostUpOfOne]).toEqual([podCount, fetchers, 1]);
  expect(arrivedAfterCalls).toBeWithin(900, 1_100);
}, 60_000);
