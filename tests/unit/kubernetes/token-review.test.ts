import { describe, expect, test } from "bun:test";
import type { ApiConnection } from "../../../src/kubernetes/connection.ts";
import { reviewToken } from "../../../src/kubernetes/token-review.ts";
import { neverAborted } from "../../../src/runtime/abort.ts";
import { apiStatus } from "../../fakes/api-objects.ts";
import { startFakeApiServer } from "../../fakes/api-server.ts";
import { createFakeClock } from "../../fakes/clock.ts";

const username = "system:serviceaccount:kiam-system:kiam-agent";
const claim = (name: string) => `authentication.kubernetes.io/${name}`;

function connectionTo(baseUrl: string): ApiConnection {
  return { baseUrl, access: async () => ({ kind: "access", tls: { rejectUnauthorized: true } }), refused: () => {} };
}

/** What becomes of a token of which the API server says this. */
async function reviewed(status: unknown, code = 201, audience = "kiam-server") {
  await using api = await startFakeApiServer();
  const review = reviewToken(connectionTo(api.baseUrl), createFakeClock());
  const asked = review("the-token", audience, neverAborted());
  (await api.next()).answer(code, code === 201 ? { kind: "TokenReview", status } : status);
  return await asked;
}

test("the token and the audience are what the API server is asked about", async () => {
  await using api = await startFakeApiServer();

  const asked = reviewToken(connectionTo(api.baseUrl), createFakeClock())("the-token", "kiam-server", neverAborted());
  const request = await api.next();
  request.answer(201, { status: { authenticated: false } });
  await asked;

  expect([request.method, request.path]).toEqual(["POST", "/apis/authentication.k8s.io/v1/tokenreviews"]);
  expect(JSON.parse(request.body)).toEqual({
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenReview",
    spec: { token: "the-token", audiences: ["kiam-server"] },
  });
});

test("a pod's token names its user, its pod and its node", async () => {
  const extra = {
    [claim("pod-name")]: ["kiam-agent-x"],
    [claim("pod-uid")]: ["uid-x"],
    [claim("node-name")]: ["node-a"],
    [claim("credential-id")]: ["JTI=1"],
  };

  const review = await reviewed({ authenticated: true, audiences: ["kiam-server"], user: { username, extra } });

  expect(review).toEqual({
    kind: "authenticated",
    username,
    audiences: ["kiam-server"],
    podUid: "uid-x",
    podName: "kiam-agent-x",
    nodeName: "node-a",
  });
});

test("a token that is not a pod's names its user only", async () => {
  const review = await reviewed({ authenticated: true, audiences: ["kiam-server"], user: { username } });

  expect(review).toEqual({ kind: "authenticated", username, audiences: ["kiam-server"] });
});

test("a claim with two values, or none, names nothing", async () => {
  const extra = { [claim("node-name")]: ["node-a", "node-b"], [claim("pod-uid")]: [], [claim("pod-name")]: [""] };

  const review = await reviewed({ authenticated: true, audiences: ["kiam-server"], user: { username, extra } });

  expect(review).toEqual({ kind: "authenticated", username, audiences: ["kiam-server"] });
});

describe("a token is rejected", () => {
  test.each([
    ["that is nobody's", { authenticated: false, error: "invalid bearer token" }, "invalid bearer token"],
    ["without a reason", { user: { username }, audiences: ["kiam-server"] }, "not authenticated"],
    ["of nobody with a name", { authenticated: true, audiences: ["kiam-server"], user: {} }, "not authenticated"],
    [
      "for another audience",
      { authenticated: true, audiences: ["other"], user: { username } },
      "a token that is not for audience kiam-server",
    ],
    [
      "that an authenticator took which knows no audiences",
      { authenticated: true, user: { username } },
      "a token that is not for audience kiam-server",
    ],
    [
      "called true in a text",
      { authenticated: "true", audiences: ["kiam-server"], user: { username } },
      "not authenticated",
    ],
  ])("%s", async (_, status, reason) => {
    expect(await reviewed(status)).toEqual({ kind: "rejected", reason });
  });

  test("that is empty, without asking anybody", async () => {
    const review = reviewToken(connectionTo("http://127.0.0.1:1"), createFakeClock());

    expect(await review("", "kiam-server", neverAborted())).toEqual({ kind: "rejected", reason: "no token" });
  });
});

describe("nothing is known of a token", () => {
  test.each([401, 403, 429, 500])("when the API server answers %i", async (code) => {
    const review = await reviewed(apiStatus(code, "no"), code);

    expect(review).toEqual({ kind: "unavailable", reason: `HTTP ${code}: no` });
  });

  test("when the answer is no TokenReview", async () => {
    expect((await reviewed(undefined)).kind).toBe("unavailable");
  });

  test("when the API server is away", async () => {
    const review = reviewToken(connectionTo("http://127.0.0.1:1"), createFakeClock());

    expect((await review("the-token", "kiam-server", neverAborted())).kind).toBe("unavailable");
  });

  test("when the API server does not answer in time", async () => {
    await using api = await startFakeApiServer();
    const clock = createFakeClock();

    const asked = reviewToken(connectionTo(api.baseUrl), clock)("the-token", "kiam-server", neverAborted());
    await api.next();
    await clock.advance(5000);

    expect(await asked).toEqual({ kind: "unavailable", reason: "no answer within 5000 ms" });
  });
});

test("who asks may give up", async () => {
  await using api = await startFakeApiServer();
  const stop = new AbortController();

  const asked = reviewToken(connectionTo(api.baseUrl), createFakeClock())("the-token", "kiam-server", stop.signal);
  await api.next();
  stop.abort(new Error("stream closed"));

  await expect(asked).rejects.toThrow("stream closed");
});
