import { expect, test } from "bun:test";
import type { PodUid } from "../../../../src/domain/pod.ts";
import type { TokenReview } from "../../../../src/domain/token-review.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { createTokenReviews } from "../../../../src/server/identity/token-reviews.ts";
import { createFakeClock, settle } from "../../../fakes/clock.ts";
import { aToken, createFakeTokenReview } from "../../../fakes/token-review.ts";

const audience = "kiam-server";
const startMs = Date.UTC(2026, 0, 1);
const hourMs = 3_600_000;
const tokenUntil = (expiresAtMs: number, more = {}) => aToken({ exp: expiresAtMs / 1000, ...more });
const token = tokenUntil(startMs + hourMs);

const good: TokenReview = {
  kind: "authenticated",
  username: "system:serviceaccount:kiam:kiam-agent",
  audiences: [audience],
  podUid: "agent-a",
  podName: "kiam-agent-x",
  nodeName: "node-a",
};
const accepted = {
  kind: "agent-token",
  podUid: "agent-a" as PodUid,
  namespace: "kiam",
  nodeName: "node-a",
  validUntilMs: startMs + hourMs,
} as const;

function createWorld(reviewToken?: ReturnType<typeof createFakeTokenReview>["reviewToken"]) {
  const clock = createFakeClock(startMs);
  const api = createFakeTokenReview();
  api.say(token, good);
  const agentServiceAccounts = [
    { namespace: "kiam", name: "kiam-agent" },
    { namespace: "kiam-edge", name: "agent" },
  ];
  const deps = { reviewToken: reviewToken ?? api.reviewToken, audience, agentServiceAccounts, clock };
  return { clock, api, reviews: createTokenReviews(deps) };
}

test("an agent's token is accepted with what it says, and asked about with its audience", async () => {
  const { api, reviews } = createWorld();

  const outcome = await reviews.review(token, neverAborted());

  expect(outcome).toEqual(accepted);
  expect(api.calls).toMatchObject([{ token, audience }]);
});

test("each of the service accounts counts, in its own namespace", async () => {
  const { api, reviews } = createWorld();
  api.say(token, { ...good, username: "system:serviceaccount:kiam-edge:agent" });

  expect(await reviews.review(token, neverAborted())).toMatchObject({ kind: "agent-token", namespace: "kiam-edge" });
});

test("an older API server's token says no node", async () => {
  const { api, reviews } = createWorld();
  const { nodeName: _, ...older } = good;
  api.say(token, older);

  expect(await reviews.review(token, neverAborted())).not.toHaveProperty("nodeName");
});

test.each<[string, TokenReview, string, string]>([
  ["nobody's", { kind: "rejected", reason: "invalid bearer token" }, "unauthenticated", "invalid bearer token"],
  ["for another audience", { ...good, audiences: ["vault"] }, "unauthenticated", "not for the audience kiam-server"],
  ["for no audience", { ...good, audiences: [] }, "unauthenticated", "not for the audience kiam-server"],
  [
    "another service account's",
    { ...good, username: "system:serviceaccount:kiam:other" },
    "permission-denied",
    "system:serviceaccount:kiam:other, whose tokens prove no node",
  ],
  [
    "a service account's of that name in another namespace",
    { ...good, username: "system:serviceaccount:team:kiam-agent" },
    "permission-denied",
    "whose tokens prove no node",
  ],
  ["a person's", { ...good, username: "kiam-agent" }, "permission-denied", "whose tokens prove no node"],
  ["nobody's name", { ...good, username: "" }, "permission-denied", "whose tokens prove no node"],
])("a token that is %s is refused", async (_, review, code, reason) => {
  const { api, reviews } = createWorld();
  api.say(token, review);

  const outcome = await reviews.review(token, neverAborted());

  expect(outcome).toEqual({ kind: "refused", code, reason: expect.stringContaining(reason) } as never);
});

test("a token that is bound to no pod is refused", async () => {
  const { api, reviews } = createWorld();
  const { podUid: _, ...unbound } = good;
  api.say(token, unbound);

  expect(await reviews.review(token, neverAborted())).toMatchObject({ kind: "refused", code: "permission-denied" });
});

test("a token is asked about once until it expires, and then not at all", async () => {
  const { api, clock, reviews } = createWorld();

  await reviews.review(token, neverAborted());
  await clock.advance(hourMs - 1);
  expect(await reviews.review(token, neverAborted())).toEqual(accepted);
  await clock.advance(1);
  const outcome = await reviews.review(token, neverAborted());

  expect(outcome).toEqual({ kind: "refused", code: "unauthenticated", reason: "the token has expired" });
  expect(api.calls.length).toBe(1);
});

test("a token that differs in one character is another token", async () => {
  const { api, reviews } = createWorld();
  await reviews.review(token, neverAborted());

  const outcome = await reviews.review(`${token}x`, neverAborted());

  expect(outcome).toMatchObject({ kind: "refused", code: "unauthenticated" });
  expect(api.calls.length).toBe(2);
});

test("a token that does not say when it expires is asked about again after a minute", async () => {
  const { api, clock, reviews } = createWorld();
  api.say("opaque", good);

  expect(await reviews.review("opaque", neverAborted())).toMatchObject({ validUntilMs: startMs + 60_000 });
  await clock.advance(59_999);
  await reviews.review("opaque", neverAborted());
  expect(api.calls.length).toBe(1);
  await clock.advance(1);
  await reviews.review("opaque", neverAborted());

  expect(api.calls.length).toBe(2);
});

test("callers with one token share one review, and who hangs up fails nobody else", async () => {
  const { api, reviews } = createWorld();
  api.hold();
  const hangUp = new AbortController();
  const abandoned = reviews.review(token, hangUp.signal);
  const patient = reviews.review(token, neverAborted());
  await settle();

  hangUp.abort(new Error("gone away"));
  await expect(abandoned).rejects.toThrow("gone away");
  api.release();

  expect(await patient).toEqual(accepted);
  expect(api.calls.length).toBe(1);
});

test("what was asked for by callers who all hung up is kept for the next", async () => {
  const { api, reviews } = createWorld();
  api.hold();
  const hangUp = new AbortController();
  const abandoned = reviews.review(token, hangUp.signal);
  await settle();
  hangUp.abort(new Error("gone away"));
  await expect(abandoned).rejects.toThrow("gone away");
  api.release();
  await settle();

  expect(await reviews.review(token, neverAborted())).toEqual(accepted);
  expect(api.calls.length).toBe(1);
});

test("a refused token costs no call for a while, then it is asked about again", async () => {
  const { api, clock, reviews } = createWorld();
  const bad = tokenUntil(startMs + hourMs, { sub: "stranger" });

  for (let turn = 0; turn < 50; turn += 1) {
    expect(await reviews.review(bad, neverAborted())).toMatchObject({ code: "unauthenticated" });
    await clock.advance(99);
  }
  expect(api.calls.length).toBe(1);
  api.say(bad, good);
  await clock.advance(50);

  expect(await reviews.review(bad, neverAborted())).toMatchObject({ kind: "agent-token" });
});

test("with the API server away an unknown token is neither accepted nor refused for good, and a known one holds", async () => {
  const { api, clock, reviews } = createWorld();
  const other = tokenUntil(startMs + hourMs, { sub: "other" });
  await reviews.review(token, neverAborted());
  api.say(token, { kind: "unavailable", reason: "connection refused" });
  api.say(other, { kind: "unavailable", reason: "connection refused" });

  await clock.advance(hourMs / 2);
  expect(await reviews.review(token, neverAborted())).toEqual(accepted);
  expect(await reviews.review(other, neverAborted())).toEqual({
    kind: "refused",
    code: "unavailable",
    reason: "the API server can't be asked about the token: connection refused",
  });
  api.say(other, good);

  expect(await reviews.review(other, neverAborted())).toEqual(accepted);
});

test("an API server that does not answer is away after ten seconds, and what it was asked is given up", async () => {
  const { api, clock, reviews } = createWorld();
  api.hold();
  const waiting = reviews.review(token, neverAborted());
  await settle();

  await clock.advance(10_000);

  expect(await waiting).toMatchObject({ kind: "refused", code: "unavailable" });
  expect(api.calls[0]?.signal.aborted).toBeTrue();
  api.release();
  expect(clock.timers).toBe(0);
});

test.each([
  [
    "at once",
    () => {
      throw new Error("broken");
    },
  ],
  ["later", () => Promise.reject(new Error("broken"))],
])("a review that fails %s leaves the token to be asked about again", async (_, fail) => {
  let calls = 0;
  const { reviews } = createWorld(() => {
    calls += 1;
    return fail();
  });

  for (let turn = 0; turn < 2; turn += 1) {
    expect(await reviews.review(token, neverAborted())).toMatchObject({ kind: "refused", code: "unavailable" });
  }

  expect(calls).toBe(2);
});

test("a flood of strange tokens is bounded in calls, and does not push out tokens that are known", async () => {
  const { api, reviews } = createWorld();
  await reviews.review(token, neverAborted());
  api.hold();
  const strange = Array.from({ length: 2000 }, (_, index) => tokenUntil(startMs + hourMs, { index }));

  const outcomes = Promise.all(strange.map((each) => reviews.review(each, neverAborted())));
  await settle();
  expect(api.calls.length).toBe(1 + 64);
  expect(await reviews.review(token, neverAborted())).toEqual(accepted);
  api.release();

  const codes = (await outcomes).map((outcome) => (outcome.kind === "refused" ? outcome.code : outcome.kind));
  expect(codes.filter((code) => code === "unauthenticated").length).toBe(64);
  expect(codes.filter((code) => code === "unavailable").length).toBe(2000 - 64);
  for (const each of strange) {
    await reviews.review(each, neverAborted());
  }
  const callsBefore = api.calls.length;
  expect(await reviews.review(token, neverAborted())).toEqual(accepted);
  expect(api.calls.length).toBe(callsBefore);
});

test.each([
  ["expired", tokenUntil(startMs), "the token has expired"],
  ["too long", "x".repeat(16_385), "the token is empty or too long"],
  ["empty", "", "the token is empty or too long"],
])("a token that is %s is refused without a call", async (_, bad, reason) => {
  const { api, reviews } = createWorld();
  api.say(bad, good);

  const outcome = await reviews.review(bad, neverAborted());

  expect(outcome).toEqual({ kind: "refused", code: "unauthenticated", reason });
  expect(api.calls).toEqual([]);
});

test("no reason holds the token", async () => {
  const { api, reviews } = createWorld();
  const others = [1, 2, 3].map((index) => tokenUntil(startMs + hourMs, { index }));
  const [wrongUser = "", wrongAudience = "", nobody = ""] = others;
  api.say(wrongUser, { ...good, username: "someone" });
  api.say(wrongAudience, { ...good, audiences: [] });

  const outcomes = await Promise.all([wrongUser, wrongAudience, nobody].map((t) => reviews.review(t, neverAborted())));

  for (const [index, outcome] of outcomes.entries()) {
    expect(outcome.kind).toBe("refused");
    expect(JSON.stringify(outcome)).not.toContain(others[index] ?? "");
    expect(JSON.stringify(outcome)).not.toContain("signature");
  }
});
