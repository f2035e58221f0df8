import { expect, test } from "bun:test";
import fc from "fast-check";
import type { IssueFailure, IssueResult } from "../../../../src/domain/issue.ts";
import { identityKey, type RoleIdentity } from "../../../../src/domain/role-identity.ts";
import { settle } from "../../../fakes/clock.ts";
import { identityOf, keyNames, type StsCall } from "../../../fakes/sts.ts";
import { setUp } from "./set-up.ts";

/** So that much of it waits its turn. */
const fetchers = 1;

/** Some share a role, some all but the external id. */
const identities: readonly RoleIdentity[] = [
  identityOf("reader"),
  { ...identityOf("reader"), sessionName: "kiam-other" },
  { ...identityOf("reader"), externalId: "tenant-7" },
  identityOf("writer"),
  identityOf("path/writer"),
];

type Step =
  | { readonly kind: "want"; readonly identity: RoleIdentity; readonly namespace: string }
  | { readonly kind: "unwant" | "leave"; readonly which: number }
  | { readonly kind: "get" | "forget"; readonly identity: RoleIdentity }
  | { readonly kind: "advance"; readonly ms: number }
  | { readonly kind: "issue"; readonly which: number; readonly lifetimeMs: number }
  | { readonly kind: "fail"; readonly which: number; readonly how: IssueFailure["kind"] };

const identity = fc.constantFrom(...identities);
const which = fc.nat(30);
const failureKind = fc.constantFrom<IssueFailure["kind"]>("refused", "throttled", "unavailable", "own-credentials");
const lifetimeMs = fc.constantFrom(-1, 1, 30_000, 120_000, 900_000, 3_600_000);
const elapsedMs = fc.constantFrom(1, 799, 1_000, 5_000, 20_000, 61_000, 600_000, 2_100_000, 3_600_000);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("want"), identity, namespace: fc.constantFrom("a", "b") }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("unwant", "leave"), which }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("get"), identity }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("forget"), identity }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("advance"), ms: elapsedMs }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("issue"), which, lifetimeMs }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("fail"), which, how: failureKind }) },
);

/** Walks issuance through the steps, looking at all there is to see after each. */
function createWalk() {
  const parts = setUp({ fetchers });
  const { clock, sts, get, want, forgetRefusal, peekAt } = parts;
  const wants: { readonly identity: RoleIdentity; readonly handle: Disposable }[] = [];
  const callers: { readonly leave: AbortController; readonly answer: Promise<void> }[] = [];
  const waiting: StsCall[] = [];
  const broken: string[] = [];
  let unanswered = 0;
  sts.onCall((call) => waiting.push(call));

  function judge(asked: RoleIdentity, result: IssueResult | undefined): void {
    if (result?.kind !== "issued") {
      return;
    }
    if (result.credentials.expiresAtMs <= clock.now()) {
      broken.push("expired credentials were handed out");
    }
    if (!keyNames(result.credentials, asked)) {
      broken.push("another identity's credentials were handed out");
    }
  }

  async function ask(asked: RoleIdentity, leave: AbortController): Promise<void> {
    unanswered += 1;
    try {
      judge(asked, await get(asked, leave.signal));
    } catch (error) {
      if (!leave.signal.aborted || error !== leave.signal.reason) {
        broken.push(`a caller that had not left was rejected: ${error}`);
      }
    }
    unanswered -= 1;
  }

  const pick = <Item>(items: Item[], index: number): Item | undefined =>
    items.splice(index % (items.length || 1), 1)[0];

  async function take(next: Step): Promise<void> {
    switch (next.kind) {
      case "want":
        wants.push({ identity: next.identity, handle: want(next.identity, next.namespace) });
        break;
      case "unwant":
        pick(wants, next.which)?.handle[Symbol.dispose]();
        break;
      case "get": {
        const leave = new AbortController();
        callers.push({ leave, answer: ask(next.identity, leave) });
        break;
      }
      case "leave":
        pick(callers, next.which)?.leave.abort(new Error("left"));
        break;
      case "forget":
        forgetRefusal(identityKey(next.identity));
        break;
      case "advance":
        await clock.advance(next.ms);
        break;
      case "issue":
        pick(waiting, next.which)?.issue(next.lifetimeMs);
        break;
      case "fail":
        pick(waiting, next.which)?.fail(next.how);
        break;
      default:
        next satisfies never;
    }
    await settle();
  }

  function look(): void {
    for (const each of identities) {
      judge(each, peekAt(each));
    }
    if (sts.mostUpOfOne > 1) {
      broken.push("two calls were up for one identity");
    }
    if (sts.mostUp > 2 * fetchers) {
      broken.push("more calls were up than there are fetchers");
    }
  }

  return {
    ...parts,
    broken,
    take,
    look,
    get unanswered() {
      return unanswered;
    },
    wantedNow: () => wants.map((wanted) => wanted.identity),
    /** STS is well from now on. */
    heal() {
      sts.onCall((call) => call.issue());
      for (const call of waiting.splice(0)) {
        call.issue();
      }
    },
    unwantAll() {
      for (const { handle } of wants.splice(0)) {
        handle[Symbol.dispose]();
      }
    },
  };
}

const randomSteps = fc.array(step, { maxLength: 60 });

test("in whatever order things happen: only one's own credentials, none expired, one call each, nobody forgotten", async () => {
  await fc.assert(
    fc.asyncProperty(randomSteps, async (steps) => {
      const walk = createWalk();
      await using _running = walk.start();
      for (const each of steps) {
        await walk.take(each);
        walk.look();
      }
      for (const each of walk.wantedNow()) {
        walk.forgetRefusal(identityKey(each));
      }
      walk.heal();
      await walk.clock.advance(40_000);
      walk.look();

      expect(walk.broken).toEqual([]);
      expect(walk.unanswered).toBe(0);
      expect(walk.wantedNow().filter((each) => walk.peekAt(each)?.kind !== "issued")).toEqual([]);
    }),
    { numRuns: 100 },
  );
}, 60_000);

test("in whatever order things happened: once nobody wants or asks any more, all is dropped and STS left in peace", async () => {
  await fc.assert(
    fc.asyncProperty(randomSteps, async (steps) => {
      const walk = createWalk();
      await using _running = walk.start();
      for (const each of steps) {
        await walk.take(each);
      }
      walk.heal();
      walk.unwantAll();

      await walk.clock.advance(100 * 60_000);

      expect(await walk.metric("kiam_sts_cacheSize")).toBe(0);
      expect(walk.sts.up).toBe(0);
    }),
    { numRuns: 20 },
  );
}, 60_000);
