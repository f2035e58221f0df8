import { describe, expect, test } from "bun:test";
import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import { Code } from "@connectrpc/connect";
import { peerKey } from "../../src/rpc/peer.ts";
import type { TlsIdentity } from "../../src/rpc/tls-options.ts";
import {
  agentIdentity,
  answerNamed,
  clientOf,
  failureOf,
  serveNodeService,
  serverIdentity,
  type TestServer,
} from "../fixtures/rpc.ts";
import { createTestAuthority } from "../fixtures/tls.ts";

const serveEcho = (options = {}) =>
  serveNodeService({ lookupPod: async ({ address }) => answerNamed(address) }, options);

const anHourAgo = new Date(Date.now() - 3_600_000);
const inAnHour = new Date(Date.now() + 3_600_000);

describe("a client that TLS verified", () => {
  test("gets its answer, and the handler learns every name of its certificate, one each, however it is written", async () => {
    let peer: unknown;
    await using served = await serveNodeService({
      async lookupPod({ address }, context) {
        peer = context.values.get(peerKey);
        return answerNamed(address);
      },
    });
    const names = [
      "DNS:node-a.node.kiam",
      "URI:spiffe://kiam.test/kiam/node/node-a",
      "DNS:x, DNS:node-b.node.kiam, DNS:y",
      "URI:spiffe://x,DNS:node-c.node.kiam",
    ];
    using called = clientOf(served, { tls: served.authority.issue({ names, usage: "client" }) });

    const { pod } = await called.client.lookupPod({ address: "10.0.0.7" });

    expect(pod?.name).toBe("10.0.0.7");
    expect(peer).toEqual({
      remoteAddress: "127.0.0.1",
      alternativeNames: [
        "DNS:node-a.node.kiam",
        "URI:spiffe://kiam.test/kiam/node/node-a",
        'DNS:"x\\u002c DNS:node-b.node.kiam\\u002c DNS:y"',
        'URI:"spiffe://x\\u002cDNS:node-c.node.kiam"',
      ],
    });
  });
});

describe("a client that the server turns away before any handler runs", () => {
  const foreign = createTestAuthority();
  const cases: readonly [name: string, reason: string, tls: (served: TestServer) => TlsIdentity][] = [
    [
      "by another authority of the same name",
      "CERT_SIGNATURE_FAILURE",
      ({ authority }) => ({ ...agentIdentity(foreign), ca: authority.pem }),
    ],
    ["expired", "CERT_HAS_EXPIRED", ({ authority }) => authority.issue({ usage: "client", notAfter: anHourAgo })],
    [
      "not valid yet",
      "CERT_NOT_YET_VALID",
      ({ authority }) => authority.issue({ usage: "client", notBefore: inAnHour }),
    ],
    ["for servers only", "INVALID_PURPOSE", ({ authority }) => authority.issue({ usage: "server" })],
    [
      "for any use, which Bun's TLS does not take",
      "INVALID_PURPOSE",
      ({ authority }) => authority.issue({ usage: "any" }),
    ],
  ];

  for (const [name, reason, tls] of cases) {
    test(`its certificate is ${name}`, async () => {
      let isCalled = false;
      await using served = await serveNodeService({
        async lookupPod() {
          isCalled = true;
          return answerNamed("reached");
        },
      });
      using called = clientOf(served, { tls: tls(served) });
      const refused = served.refusal();

      const error = await failureOf(called.client.lookupPod({}));

      expect(await refused).toBe(reason);
      expect(Code[error.code]).toBe("Unavailable");
      expect(isCalled).toBeFalse();
    });
  }

  test("it has no certificate", async () => {
    await using served = await serveEcho();
    const refused = served.refusal();
    const { promise: closed, resolve } = Promise.withResolvers<string>();

    const socket = connectTls({
      host: "127.0.0.1",
      port: served.server.port,
      servername: "localhost",
      ca: served.authority.pem,
      ALPNProtocols: ["h2"],
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? ""));

    expect(await refused).toBe("ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE");
    expect(await closed).toBe("ERR_SSL_TLSV1_ALERT_CERTIFICATE_REQUIRED");
  });

  test("it speaks HTTP without TLS, and others are served on", async () => {
    await using served = await serveEcho();
    const refused = served.refusal();

    const socket = connectTcp(served.server.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.end("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await refused;
    using called = clientOf(served);

    expect((await called.client.lookupPod({ address: "::1" })).pod?.name).toBe("::1");
  });
});

describe("a server that the client turns away", () => {
  const cases: readonly [name: string, tls: (authority: ReturnType<typeof createTestAuthority>) => TlsIdentity][] = [
    ["by another authority", () => serverIdentity(createTestAuthority())],
    ["for another name", (authority) => authority.issue({ names: ["DNS:other"], usage: "server" })],
    ["without a name but its subject's", (authority) => authority.issue({ subject: "other", usage: "server" })],
    ["expired", (authority) => authority.issue({ names: ["DNS:localhost"], usage: "server", notAfter: anHourAgo })],
    ["for clients only", (authority) => authority.issue({ names: ["DNS:localhost"], usage: "client" })],
  ];

  for (const [name, tls] of cases) {
    test(`its certificate is ${name}`, async () => {
      const authority = createTestAuthority();
      // The server trusts the client's authority in every case, so that it is the client that says no.
      await using served = await serveEcho({ authority, tls: { ...tls(authority), ca: authority.pem } });
      using called = clientOf(served);

      const error = await failureOf(called.client.lookupPod({}));

      expect(Code[error.code]).toBe("Unavailable");
    });
  }

  test("an address stands for itself where the server is named by one", async () => {
    const authority = createTestAuthority();
    await using byAddress = await serveEcho({ authority });
    const byName = authority.issue({ names: ["DNS:localhost"], usage: "server" });
    await using byNameOnly = await serveEcho({ authority, tls: byName });
    using good = clientOf(byAddress, { serverName: "127.0.0.1" });
    using bad = clientOf(byNameOnly, { serverName: "127.0.0.1" });

    const answer = await good.client.lookupPod({ address: "10.0.0.1" });
    const error = await failureOf(bad.client.lookupPod({}));

    expect(answer.pod?.name).toBe("10.0.0.1");
    expect(Code[error.code]).toBe("Unavailable");
  });

  test("nobody listens", async () => {
    const served = await serveEcho();
    await served[Symbol.asyncDispose]();
    using called = clientOf(served);

    const error = await failureOf(called.client.lookupPod({}));

    expect(Code[error.code]).toBe("Unavailable");
    expect(error.rawMessage).toContain(`localhost:${served.server.port}`);
  });
});

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  test(`no ${version} session can be resumed, so that each connection is a certificate seen anew`, async () => {
    await using served = await serveEcho();
    const tls = agentIdentity(served.authority);
    let session: Buffer | undefined;
    async function visit(): Promise<boolean> {
      const { promise, resolve, reject } = Promise.withResolvers<boolean>();
      const socket = connectTls({
        ...tls,
        host: "127.0.0.1",
        port: served.server.port,
        servername: "localhost",
        minVersion: version,
        maxVersion: version,
        ALPNProtocols: ["h2"],
        ...(session === undefined ? {} : { session }),
      });
      socket.once("error", reject);
      socket.on("session", (ticket: Buffer) => {
        session = ticket;
      });
      // The server's first frame comes after any tickets.
      socket.once("data", () => resolve(socket.isSessionReused()));
      const isReused = await promise;
      session ??= socket.getSession();
      socket.destroy();
      return isReused;
    }

    const visits = [await visit(), await visit()];

    expect(visits).toEqual([false, false]);
  });
}

describe("new material", () => {
  test("is what new connections see, while those that stand go on", async () => {
    const [before, after] = [createTestAuthority("before"), createTestAuthority("after")];
    await using served = await serveEcho({ authority: before });
    using standing = clientOf(served);
    await standing.client.lookupPod({});

    served.server.replaceTls(serverIdentity(after));
    using fresh = clientOf(served, { tls: agentIdentity(after) });
    using stale = clientOf(served, { tls: { ...agentIdentity(before), ca: after.pem } });

    expect((await standing.client.lookupPod({ address: "10.0.0.1" })).pod?.name).toBe("10.0.0.1");
    expect((await fresh.client.lookupPod({ address: "10.0.0.2" })).pod?.name).toBe("10.0.0.2");
    expect(Code[(await failureOf(stale.client.lookupPod({}))).code]).toBe("Unavailable");
  });

  test("that is bad throws, and the old stays in force", async () => {
    await using served = await serveEcho();
    const good = serverIdentity(served.authority);

    expect(() => served.server.replaceTls({ ...good, key: serverIdentity(served.authority).key })).toThrow();
    expect(() => served.server.replaceTls({ ...good, cert: "not a certificate" })).toThrow();
    using called = clientOf(served);

    expect((await called.client.lookupPod({ address: "10.0.0.1" })).pod?.name).toBe("10.0.0.1");
  });
});
