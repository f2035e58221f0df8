import { expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { serveAgents } from "../../../src/cli/serve-agents.ts";
import { createListeners } from "../../../src/runtime/listeners.ts";
import type { TlsMaterial } from "../../../src/tls/material.ts";
import { settle } from "../../fakes/clock.ts";
import { createRecordingLogger } from "../../fakes/recording-logger.ts";
import { createFakeRpcServer } from "../../fakes/rpc-server.ts";
import { createTestAuthority } from "../../fixtures/tls.ts";

const authority = createTestAuthority();
const another = createTestAuthority("another authority");

function materialOf(digest: string, ca = authority): TlsMaterial {
  return { cert: "", key: "", ca: ca.pem, expiresAtMs: 0, dnsNames: [], uris: [], caFingerprint: ca.pem, digest };
}

const peerOf = (issuer: typeof authority) => ({ raw: new X509Certificate(issuer.issue({}).cert).raw });

/** A server whose stores are in sync when the test says so. */
function setUp(first?: TlsMaterial) {
  const changes = createListeners<TlsMaterial>();
  const synced = Promise.withResolvers<void>();
  const server = createFakeRpcServer();
  const logger = createRecordingLogger();
  const stopping = new AbortController();
  let current = first;
  const tls = {
    get current() {
      return current;
    },
    changes,
    watch: async () => undefined,
  };
  const serving = serveAgents(server, { tls, logger, beforeServing: [Promise.resolve(), synced.promise] });
  const running = serving.run(stopping.signal);
  return {
    ...{ server, logger, serving, running },
    sync: () => synced.resolve(),
    change(next: TlsMaterial) {
      current = next;
      changes.tell(next);
    },
    stop: () => stopping.abort(new Error("stopped")),
  };
}

test("nothing is served before the stores are in sync, and readiness says why", async () => {
  const { server, serving, sync } = setUp(materialOf("first"));

  await settle();
  const before = [serving.ready(), server.tls];
  sync();
  await settle();

  expect(before).toEqual(["not in sync with the API server yet", undefined]);
  expect([serving.ready(), server.tls?.ca]).toEqual([undefined, authority.pem]);
});

test("a server without a usable certificate waits for one", async () => {
  const { server, serving, sync, change } = setUp();
  sync();

  await settle();
  const before = [serving.ready(), server.tls];
  change(materialOf("late"));
  await settle();

  expect(before).toEqual(["no usable certificate yet", undefined]);
  expect([serving.ready(), server.tls]).toEqual([undefined, materialOf("late")]);
});

test("a certificate of its own that is replaced cuts nobody off", async () => {
  const { server, sync, change } = setUp(materialOf("first"));
  sync();
  await settle();

  change(materialOf("second"));

  expect(server.tls).toEqual(materialOf("second"));
  expect(server.closings).toEqual([]);
});

test("other authorities cut off whom they do not vouch for, once", async () => {
  const { server, sync, change } = setUp(materialOf("first"));
  sync();
  await settle();

  change(materialOf("second", another));
  change(materialOf("third", another));

  const [isRefused = () => false] = server.closings;
  expect(server.closings.length).toBe(1);
  expect([isRefused(peerOf(authority)), isRefused(peerOf(another)), isRefused({})]).toEqual([true, false, true]);
});

test("files that change while the server comes up are in use when it is up", async () => {
  const up = Promise.withResolvers<void>();
  const server = createFakeRpcServer();
  const changes = createListeners<TlsMaterial>();
  const tls = { current: materialOf("first"), changes, watch: async () => undefined };
  const listen: typeof server.listen = async (first) => {
    const listening = await server.listen(first);
    await up.promise;
    return listening;
  };
  const serving = serveAgents({ listen }, { tls, logger: createRecordingLogger(), beforeServing: [] });
  void serving.run(new AbortController().signal);
  await settle();

  tls.current = materialOf("second", another);
  changes.tell(tls.current);
  up.resolve();
  await settle();

  expect(server.tls).toEqual(materialOf("second", another));
  expect(server.closings.length).toBe(1);
});

test("at the end it is not ready any more, and ends in order", async () => {
  const { server, serving, sync, stop, running } = setUp(materialOf("first"));
  sync();
  await settle();

  stop();
  await running;

  expect([serving.ready(), server.closedWithGraceMs]).toEqual(["stopping", 5_000]);
});

test("one that is stopped before it served has nothing to end", async () => {
  const { server, stop, running } = setUp();

  stop();
  await running;

  expect([server.tls, server.closedWithGraceMs]).toEqual([undefined, undefined]);
});

test("an address that can't be listened on ends the server with the reason", async () => {
  const taken = Object.assign(new Error("listen EADDRINUSE"), { code: "EADDRINUSE" });
  const tls = { current: materialOf("first"), changes: createListeners<TlsMaterial>(), watch: async () => undefined };
  const listen = () => Promise.reject(taken);
  const serving = serveAgents({ listen }, { tls, logger: createRecordingLogger(), beforeServing: [] });

  const running = serving.run(new AbortController().signal);

  await expect(running).rejects.toThrow("listen EADDRINUSE");
});
