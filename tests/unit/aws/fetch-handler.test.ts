import { afterAll, describe, expect, test } from "bun:test";
import { AwsUnreachableError, createFetchHandler, type FetchHandlerOptions } from "../../../src/aws/fetch-handler.ts";
import { directly } from "../../../src/domain/egress.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import { type FakeProxyOptions, type ProxyAnswer, startFakeProxy } from "../../fakes/proxy.ts";
import { createTestAuthority } from "../../fixtures/tls.ts";

const authority = createTestAuthority();
const regional = authority.issue({ names: ["DNS:sts.eu-west-1.amazonaws.com"], usage: "server" });
const proxysOwn = authority.issue({ names: ["IP:127.0.0.1"], usage: "server" });

/** What stands for STS, with a certificate of its regional name. */
const sts = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  tls: { cert: regional.cert, key: regional.key },
  fetch: async (request) =>
    Response.json({ method: request.method, url: request.url, body: await request.text() }, { status: 203 }),
});
afterAll(() => sts.stop(true));
const toSts = { kind: "to", host: "127.0.0.1", port: sts.port ?? 0 } as const;

const request = {
  ...{ method: "POST", protocol: "https:", hostname: "sts.eu-west-1.amazonaws.com", path: "/" },
  headers: { "content-type": "text/plain" },
  body: "Action=GetCallerIdentity",
};

const handlerOf = (options: Partial<FetchHandlerOptions> = {}) =>
  createFetchHandler({ egress: directly, clock: systemClock, ...options });

/** A proxy, and a handler whose every request goes through it. */
async function proxied(answer: ProxyAnswer, options: Partial<FetchHandlerOptions> = {}, at: FakeProxyOptions = {}) {
  const proxy = await startFakeProxy(() => answer, at);
  const url = `${at.tls === undefined ? "http" : "https"}://us%20er:hunter%3a2@127.0.0.1:${proxy.port}`;
  const egress = { proxyFor: () => url, roots: authority.pem };
  return { proxy, name: url.replace(/\/\/.*@/, "//"), handler: handlerOf({ egress, ...options }), ...dispose(proxy) };
}

const dispose = (proxy: AsyncDisposable) => ({ [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose]() });

/** The error that a request ends with. */
async function failureOf(handler: ReturnType<typeof handlerOf>, asked: object = {}): Promise<AwsUnreachableError> {
  const error = await handler.handle({ ...request, ...asked }).catch((thrown: unknown) => thrown);
  if (!(error instanceof AwsUnreachableError)) {
    throw new Error(`not what was waited for: ${error}`);
  }
  return error;
}

const textOf = (answer: { readonly response: { readonly body: Uint8Array } }) =>
  JSON.parse(new TextDecoder().decode(answer.response.body));

describe("through a proxy", () => {
  test("what is https gets a tunnel to the host's own name, and is verified by that", async () => {
    await using through = await proxied(toSts);

    const answer = await through.handler.handle(request);

    expect(answer.response.statusCode).toBe(203);
    expect(textOf(answer)).toEqual({
      method: "POST",
      url: "https://sts.eu-west-1.amazonaws.com/",
      body: "Action=GetCallerIdentity",
    });
    expect(through.proxy.requests.map(({ method, target }) => `${method} ${target}`)).toEqual([
      "CONNECT sts.eu-west-1.amazonaws.com:443",
    ]);
  });

  test("user and password of its URL are shown to it, decoded", async () => {
    await using through = await proxied(toSts);

    await through.handler.handle(request);

    expect(through.proxy.requests[0]?.authorization).toBe(`Basic ${btoa("us er:hunter:2")}`);
  });

  test("one tunnel is kept for the requests that follow", async () => {
    await using through = await proxied(toSts);

    for (let count = 0; count < 5; count += 1) {
      await through.handler.handle(request);
    }

    expect(through.proxy.requests.length).toBe(1);
  });

  test("a proxy may speak TLS itself", async () => {
    await using through = await proxied(toSts, {}, { tls: { cert: proxysOwn.cert, key: proxysOwn.key } });

    const answer = await through.handler.handle(request);

    expect([answer.response.statusCode, through.proxy.requests.length]).toEqual([203, 1]);
  });

  test("what is http is asked of the proxy whole", async () => {
    await using plain = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: ({ url }) => new Response(`"${url}"`) });
    await using through = await proxied({ kind: "to", host: "127.0.0.1", port: plain.port ?? 0 });

    const answer = await through.handler.handle({
      ...request,
      protocol: "http:",
      port: 8080,
      hostname: "sts.internal",
    });

    expect(textOf(answer)).toBe("http://sts.internal:8080/");
    expect(through.proxy.requests.map(({ method, target }) => `${method} ${target}`)).toEqual([
      "POST http://sts.internal:8080/",
    ]);
  });

  test.each<[string, ProxyAnswer, string, string]>([
    [
      "wants a password",
      { kind: "refuse", status: 407 },
      "ProxyStatus407",
      ": the proxy NAME asks for a user and password (ProxyStatus407)",
    ],
    ["forbids", { kind: "refuse", status: 403 }, "ProxyStatus403", " through the proxy NAME (ProxyStatus403)"],
    ["hangs up", { kind: "hang-up" }, "ECONNRESET", " through the proxy NAME (ECONNRESET)"],
    ["says nothing", { kind: "silence" }, "ETIMEDOUT", " through the proxy NAME (ETIMEDOUT)"],
  ])("a proxy that %s is told by its name, without its password", async (_, answer, code, text) => {
    await using through = await proxied(answer, { requestTimeoutMs: 100 });

    const error = await failureOf(through.handler);

    expect([error.code, error.message]).toEqual([code, `could not be reached${text.replace("NAME", through.name)}`]);
  });

  test("a proxy that is away is told too", async () => {
    const egress = { proxyFor: () => "http://u:p@127.0.0.1:1", roots: undefined };

    const { code, message } = await failureOf(handlerOf({ egress }));

    expect([code, message]).toEqual([
      "ECONNREFUSED",
      "could not be reached through the proxy http://127.0.0.1:1 (ECONNREFUSED)",
    ]);
  });

  test("the name on the certificate is that of the host, and not of the proxy", async () => {
    await using through = await proxied(toSts);

    const error = await failureOf(through.handler, { hostname: "sts.eu-west-2.amazonaws.com" });

    expect(error.code).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
  });
});

describe("who is trusted", () => {
  test("nobody else than the roots that are given", async () => {
    const stranger = { roots: createTestAuthority("another").pem };
    await using through = await proxied(toSts);
    const proxyFor = () => `http://127.0.0.1:${through.proxy.port}`;

    const error = await failureOf(handlerOf({ egress: { proxyFor, ...stranger } }));

    expect(error.code).toBe("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
  });

  test("Bun's roots where none are given, whatever NODE_TLS_REJECT_UNAUTHORIZED says", async () => {
    await using through = await proxied(toSts);
    const egress = { proxyFor: () => `http://127.0.0.1:${through.proxy.port}`, roots: undefined };
    using _ = withVariable("NODE_TLS_REJECT_UNAUTHORIZED", "0");

    const error = await failureOf(handlerOf({ egress }));

    expect(error.code).toBe("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
  });
});

test("where no proxy is to be used Bun's own reading of the environment is not either", async () => {
  await using proxy = await startFakeProxy(() => ({ kind: "refuse", status: 403 }));
  await using plain = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response('"directly"') });
  using _ = withVariable("HTTP_PROXY", `http://127.0.0.1:${proxy.port}`);

  const answer = await handlerOf().handle({
    ...{ ...request, protocol: "http:", hostname: "127.0.0.1" },
    port: plain.port,
  });

  expect([textOf(answer), proxy.requests.length]).toEqual(["directly", 0]);
});

test("a redirect is an answer, and bytes and a query go as they are", async () => {
  const asked: string[] = [];
  await using plain = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(incoming) {
      asked.push(incoming.url.replace(/^.*:\d+/, ""), String((await incoming.bytes()).join()));
      return Response.redirect("http://127.0.0.1:1/");
    },
  });

  const answer = await handlerOf().handle({
    ...{ ...request, protocol: "http:", hostname: "127.0.0.1", port: plain.port, path: "/a" },
    query: { one: "x y/ü", many: ["1", "2"], empty: null },
    body: Uint8Array.of(0, 255, 10),
  });

  expect([answer.response.statusCode, asked]).toEqual([
    302,
    ["/a?one=x%20y%2F%C3%BC&many=1&many=2&empty=", "0,255,10"],
  ]);
});

test("who gives up hears the own reason", async () => {
  await using through = await proxied({ kind: "silence" });
  const giveUp = new AbortController();

  const asked = through.handler.handle(request, { abortSignal: giveUp.signal });
  giveUp.abort(new Error("stopping"));

  await expect(asked).rejects.toThrow("stopping");
});

/** Sets a variable of this process until it is disposed. */
function withVariable(name: string, value: string): Disposable {
  const before = process.env[name];
  process.env[name] = value;
  return {
    [Symbol.dispose]() {
      if (before === undefined) {
        delete process.env[name];
      } else {
        process.env[name] = before;
      }
    },
  };
}
