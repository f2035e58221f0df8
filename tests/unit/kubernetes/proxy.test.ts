import { afterEach, expect, test } from "bun:test";
import type { ApiConnection } from "../../../src/kubernetes/connection.ts";
import { askForJson } from "../../../src/kubernetes/request.ts";
import { neverAborted } from "../../../src/runtime/abort.ts";
import { startFakeApiServer } from "../../fakes/api-server.ts";
import { createFakeClock } from "../../fakes/clock.ts";

const before = process.env["HTTP_PROXY"];

afterEach(() => {
  if (before === undefined) {
    delete process.env["HTTP_PROXY"];
  } else {
    process.env["HTTP_PROXY"] = before;
  }
});

function ask(connection: Partial<ApiConnection> & { readonly baseUrl: string }) {
  const access = async () => ({ kind: "access", tls: { rejectUnauthorized: true } }) as const;
  const deps = { connection: { access, refused: () => {}, ...connection }, clock: createFakeClock() };
  return askForJson(deps, { path: "/api", withinMs: 1000 }, neverAborted());
}

test("a proxy in the environment is not used: who makes the connection decides", async () => {
  await using api = await startFakeApiServer();
  await using proxy = await startFakeApiServer();
  process.env["HTTP_PROXY"] = proxy.baseUrl;

  const asked = ask({ baseUrl: api.baseUrl });
  (await api.next()).answer(200, {});

  expect((await asked).kind).toBe("json");
  expect(proxy.requests).toBe(0);
});

test("a proxy that the connection names is used", async () => {
  await using proxy = await startFakeApiServer();

  const asked = ask({ baseUrl: "http://kubernetes.invalid", proxyUrl: proxy.baseUrl });
  (await proxy.next()).answer(200, { through: "proxy" });

  expect(await asked).toEqual({ kind: "json", json: { through: "proxy" } });
});
