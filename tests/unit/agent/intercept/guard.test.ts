import { expect, test } from "bun:test";
import { guardRedirects } from "../../../../src/agent/intercept/guard.ts";
import { InterceptError } from "../../../../src/agent/intercept/iptables.ts";
import type { RedirectState } from "../../../../src/agent/intercept/look.ts";
import type { Redirect } from "../../../../src/agent/intercept/redirect.ts";
import { createFakeClock, settle } from "../../../fakes/clock.ts";
import { createRecordingLogger } from "../../../fakes/recording-logger.ts";

/** A guard over a redirect that is, at each look, what comes next in `states`; then in force without a packet. */
function startGuard(states: readonly (RedirectState | Error)[], repair: Redirect["repair"] = async () => {}) {
  const clock = createFakeClock();
  const logger = createRecordingLogger();
  const stop = new AbortController();
  const remaining = [...states];
  let repairs = 0;
  let cuts = 0;
  const redirect: Redirect = {
    title: "the redirect",
    async check() {
      const state = remaining.shift() ?? { kind: "in-force", packets: 0 };
      if (state instanceof Error) {
        throw state;
      }
      return state;
    },
    repair,
    async cutEscaped() {
      cuts += 1;
    },
    [Symbol.asyncDispose]: async () => {},
  };
  const ended = guardRedirects({
    redirects: [redirect],
    clock,
    logger,
    repairs: {
      inc: () => {
        repairs += 1;
      },
    },
    podsWithRoles: () => 1,
  })(stop.signal);
  ended.catch(() => {});
  return { clock, logger, stop, ended, repairs: () => repairs, cuts: () => cuts };
}

test("what is missing is put back within five seconds, counted and told", async () => {
  const guard = startGuard([{ kind: "missing" }]);

  await guard.clock.advance(5_000);

  expect(guard.repairs()).toBe(1);
  expect(guard.logger.lines).toEqual([
    { level: "warn", message: "the redirect is gone or changed: putting it first again" },
  ]);
});

test("the rule that overtook it is named", async () => {
  const guard = startGuard([{ kind: "shadowed", by: "PREROUTING -j ACCEPT" }]);

  await guard.clock.advance(5_000);

  expect(guard.repairs()).toBe(1);
  expect(guard.logger.lines[0]?.message).toStartWith("the rule PREROUTING -j ACCEPT takes pods' packets before");
});

test("what is in force is left alone", async () => {
  const guard = startGuard([{ kind: "in-force", packets: 3 }]);

  await guard.clock.advance(60_000);

  expect(guard.repairs()).toBe(0);
  expect(guard.logger.lines).toEqual([]);
});

test("a failure is told once until it changes, and the next look goes on", async () => {
  const [locked, gone] = [new InterceptError("locked"), new InterceptError("gone")];
  const guard = startGuard([locked, locked, gone, { kind: "missing" }]);

  await guard.clock.advance(12_000);

  expect(guard.logger.lines.map(({ message }) => message)).toEqual([
    "cannot look after the redirect: locked",
    "cannot look after the redirect: gone",
    "the redirect is gone or changed: putting it first again",
  ]);
  expect(guard.repairs()).toBe(1);
});

test("a repair that failed is not counted, and tried again", async () => {
  const failing = async () => {
    throw new InterceptError("no lock");
  };
  const guard = startGuard([{ kind: "missing" }, { kind: "missing" }], failing);

  await guard.clock.advance(6_000);

  expect(guard.repairs()).toBe(0);
  expect(guard.logger.lines.filter(({ level }) => level === "warn")).toHaveLength(2);
});

test("the end waits for a repair that has begun, and cuts it not short", async () => {
  const gate = Promise.withResolvers<void>();
  let signal: AbortSignal | undefined;
  const guard = startGuard([{ kind: "missing" }], async (given) => {
    signal = given;
    await gate.promise;
  });
  await guard.clock.advance(3_000);

  guard.stop.abort(new Error("stopped"));
  await settle();
  expect(signal?.aborted).toBe(false);
  expect(guard.repairs()).toBe(0);
  gate.resolve();

  await expect(guard.ended).rejects.toThrow("stopped");
  expect(guard.repairs()).toBe(1);
});

test("ten minutes without a packet are worth a word", async () => {
  const guard = startGuard([]);

  await guard.clock.advance(30 * 60_000);

  expect(guard.logger.lines).toHaveLength(1);
  expect(guard.logger.lines[0]?.message).toStartWith("no packet has come through the redirect in ten minutes");
});

test("connections that escaped are cut again at the next two looks, after the start and after a repair", async () => {
  const inForce: RedirectState = { kind: "in-force", packets: 0 };
  const guard = startGuard([inForce, inForce, inForce, inForce, { kind: "missing" }]);

  await guard.clock.advance(12_000);
  const afterStart = guard.cuts();
  await guard.clock.advance(60_000);

  expect(afterStart).toBe(2);
  expect(guard.cuts()).toBe(4);
});

test("each redirect is looked after whatever becomes of the other, and packets through one are enough", async () => {
  const clock = createFakeClock();
  const logger = createRecordingLogger();
  const stop = new AbortController();
  const redirect = (title: string, check: Redirect["check"], repair = async () => {}): Redirect => ({
    ...{ title, check, repair },
    cutEscaped: async () => {},
    [Symbol.asyncDispose]: async () => {},
  });
  const missing = (title: string): Redirect => {
    let state: RedirectState = { kind: "missing" };
    return redirect(
      title,
      async () => state,
      async () => {
        state = { kind: "in-force", packets: 1 };
      },
    );
  };
  const broken = redirect("the broken one", () => Promise.reject(new InterceptError("locked")));
  const silent = redirect("the silent one", async () => ({ kind: "in-force", packets: 0 }));
  const options = { clock, logger, repairs: { inc: () => {} }, podsWithRoles: () => 1 };

  const ended = guardRedirects({ ...options, redirects: [broken, missing("the first")] })(stop.signal);
  const endedToo = guardRedirects({ ...options, redirects: [silent, missing("the second")] })(stop.signal);
  await clock.advance(30 * 60_000);
  stop.abort(new Error("stopped"));

  expect((await Promise.allSettled([ended, endedToo])).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(logger.lines.map(({ message }) => message).sort()).toEqual([
    "cannot look after the broken one: locked",
    "the first is gone or changed: putting it first again",
    "the second is gone or changed: putting it first again",
  ]);
});
