import { describe, expect, test } from "bun:test";
import type { ApiConnection, ApiTls } from "../../../src/kubernetes/connection.ts";
import { describeFailure } from "../../../src/kubernetes/failure.ts";
import { askForJson } from "../../../src/kubernetes/request.ts";
import { neverAborted } from "../../../src/runtime/abort.ts";
import { apiStatus } from "../../fakes/api-objects.ts";
import { startFakeApiServer } from "../../fakes/api-server.ts";
import { createFakeClock } from "../../fakes/clock.ts";
import { createTestAuthority } from "../../fixtures/tls.ts";

const authority = createTestAuthority();
const strangers = createTestAuthority("somebody else");
const serverTls = authority.issue({ names: ["IP:127.0.0.1", "DNS:kubernetes.default.svc"], usage: "server" });

function connectionTo(baseUrl: string, tls: ApiTls, authorization?: string): ApiConnection {
  const access = { kind: "access", tls, ...(authorization === undefined ? {} : { authorization }) } as const;
  return { baseUrl, access: async () => access, refused: () => {} };
}

function ask(connection: ApiConnection, path = "/api", body?: unknown) {
  const request = { path, withinMs: 1000, ...(body === undefined ? {} : { body }) };
  return askForJson({ connection, clock: createFakeClock() }, request, neverAborted());
}

describe("over TLS", () => {
  const trusting: ApiTls = { ca: authority.pem, rejectUnauthorized: true };

  test("a server that the given authority vouches for is asked, with the token", async () => {
    await using api = await startFakeApiServer(serverTls);

    const asked = ask(connectionTo(api.baseUrl, trusting, "Bearer t"));
    const request = await api.next();
    request.answer(200, { ok: true });

    expect(await asked).toEqual({ kind: "json", json: { ok: true } });
    expect([request.method, request.headers["authorization"]]).toEqual(["GET", "Bearer t"]);
  });

  test("a server that demands a certificate is shown the client's", async () => {
    await using api = await startFakeApiServer({ ...serverTls, clientCa: strangers.pem });
    const { cert, key } = strangers.issue({ subject: "kiam-server", usage: "client" });

    const without = await ask(connectionTo(api.baseUrl, trusting));
    const asked = ask(connectionTo(api.baseUrl, { ...trusting, cert, key }));
    (await api.next()).answer(200, {});

    expect([without.kind, (await asked).kind]).toEqual(["lost", "json"]);
  });

  test("a server of another authority gets nothing", async () => {
    await using api = await startFakeApiServer(strangers.issue({ names: ["IP:127.0.0.1"], usage: "server" }));

    const answer = await ask(connectionTo(api.baseUrl, trusting, "Bearer t"));

    expect(answer).toMatchObject({ kind: "lost", reason: expect.stringContaining("certificate") });
    expect(api.requests).toBe(0);
  });

  test("a server that is not the one asked for gets nothing", async () => {
    await using api = await startFakeApiServer(authority.issue({ names: ["IP:127.0.0.9"], usage: "server" }));

    const answer = await ask(connectionTo(api.baseUrl, trusting, "Bearer t"));

    expect(answer).toMatchObject({ kind: "lost", reason: expect.stringContaining("ERR_TLS_CERT_ALTNAME_INVALID") });
    expect(api.requests).toBe(0);
  });

  test("the name to check may be given", async () => {
    await using api = await startFakeApiServer(serverTls);

    const right = ask(connectionTo(api.baseUrl, { ...trusting, serverName: "kubernetes.default.svc" }));
    (await api.next()).answer(200, {});
    const wrong = await ask(connectionTo(api.baseUrl, { ...trusting, serverName: "other.svc" }));

    expect([(await right).kind, wrong.kind]).toEqual(["json", "lost"]);
  });

  test("no authority means the public ones", async () => {
    await using api = await startFakeApiServer(serverTls);

    const answer = await ask(connectionTo(api.baseUrl, { rejectUnauthorized: true }));

    expect(answer.kind).toBe("lost");
  });
});

test("a body is sent as JSON by POST", async () => {
  await using api = await startFakeApiServer();

  const asked = ask(connectionTo(api.baseUrl, { rejectUnauthorized: true }), "/things", { a: "ü" });
  const request = await api.next();
  request.answer(201, {});
  await asked;

  expect([request.method, request.path, request.body]).toEqual(["POST", "/things", '{"a":"ü"}']);
  expect(request.headers["content-type"]).toBe("application/json");
});

test("what is posted goes over a connection of its own: a kept one may be closed at the other end already", async () => {
  await using api = await startFakeApiServer();
  const connections: object[] = [];

  for (const body of [undefined, undefined, {}]) {
    const asked = ask(connectionTo(api.baseUrl, { rejectUnauthorized: true }), "/things", body);
    const request = await api.next();
    connections.push(request.connection);
    request.answer(200, {});
    await asked;
  }

  expect([connections[1] === connections[0], connections[2] === connections[0]]).toEqual([true, false]);
});

test("an error's own words are kept", async () => {
  await using api = await startFakeApiServer();

  const asked = ask(connectionTo(api.baseUrl, { rejectUnauthorized: true }));
  (await api.next()).answer(403, apiStatus(403, "pods is forbidden"));
  const answer = await asked;

  expect(answer).toEqual({ kind: "refused", status: 403, message: "pods is forbidden", retryAfterMs: 0 });
  expect(answer.kind === "refused" && describeFailure(answer)).toBe("HTTP 403: pods is forbidden");
});

test.each([
  ["7", 7000],
  ["86400", 60_000],
  ["Wed, 21 Oct 2026 07:28:00 GMT", 0],
  ["-1", 0],
  ["", 0],
])("Retry-After %p asks for a pause of %i ms", async (header, expected) => {
  await using api = await startFakeApiServer();

  const asked = ask(connectionTo(api.baseUrl, { rejectUnauthorized: true }));
  (await api.next()).answer(503, "upstream connect error", { "Retry-After": header });

  expect(await asked).toEqual({ kind: "refused", status: 503, message: "Service Unavailable", retryAfterMs: expected });
});

test("a redirect is not followed: the token is for this server only", async () => {
  await using api = await startFakeApiServer();
  await using other = await startFakeApiServer();

  const asked = ask(connectionTo(api.baseUrl, { rejectUnauthorized: true }, "Bearer t"));
  (await api.next()).answer(307, "", { Location: `${other.baseUrl}/api` });

  expect(await asked).toMatchObject({ kind: "lost", reason: expect.stringContaining("Redirect") });
  expect(other.requests).toBe(0);
});

test("a failure is told without advice for programmers", async () => {
  const answer = await ask(connectionTo("http://127.0.0.1:1", { rejectUnauthorized: true }));

  expect(answer).toEqual({ kind: "lost", reason: "ECONNREFUSED: Unable to connect" });
});

test("only a 401 has the connection forget what it showed", async () => {
  await using api = await startFakeApiServer();
  const refused: number[] = [];
  const connection = { ...connectionTo(api.baseUrl, { rejectUnauthorized: true }), refused: () => refused.push(401) };

  for (const status of [403, 500, 401]) {
    const asked = ask(connection);
    (await api.next()).answer(status, "");
    await asked;
  }

  expect(refused).toEqual([401]);
});

test("an abort rejects with its reason", async () => {
  await using api = await startFakeApiServer();
  const stop = new AbortController();
  const deps = { connection: connectionTo(api.baseUrl, { rejectUnauthorized: true }), clock: createFakeClock() };

  const asked = askForJson(deps, { path: "/api", withinMs: 1000 }, stop.signal);
  const request = await api.next();
  stop.abort(new Error("shutting down"));

  await expect(asked).rejects.toThrow("shutting down");
  await request.left;
});

test("an answer whose body does not come in time is lost", async () => {
  await using api = await startFakeApiServer();
  const clock = createFakeClock();
  const deps = { connection: connectionTo(api.baseUrl, { rejectUnauthorized: true }), clock };

  const asked = askForJson(deps, { path: "/api", withinMs: 1000 }, neverAborted());
  const request = await api.next();
  request.open();
  await request.send('{"half":');
  await clock.advance(1000);

  expect(await asked).toEqual({ kind: "lost", reason: "no answer within 1000 ms" });
  await request.left;
});
