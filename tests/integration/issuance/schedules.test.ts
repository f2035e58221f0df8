import { afterAll, beforeAll, expect, test } from "bun:test";
import fc from "fast-check";
import type { RoleIdentity } from "../../../src/domain/role-identity.ts";
import type { Sts } from "../../e2e/lab/sts.ts";
import { identityOf } from "../../fakes/sts.ts";
import { decideBy, type Phase, passing, phasesOf } from "../../fakes/sts-faults/schedule.ts";
import { createDice } from "../../fixtures/dice.ts";
import { startLoopbackSts } from "./loopback-sts.ts";
import { createOracle } from "./oracle.ts";
import { createStsWorld } from "./sts-world.ts";

/** `KIAM_LONG=1` runs a thousand; `KIAM_SEED`, which a failure prints, runs the same again. */
const runs = process.env["KIAM_LONG"] === undefined ? 24 : 1_000;
const seed = Number(process.env["KIAM_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

const secondMs = 1_000;

/** Pods ask for these; some share a role, some all but the external id. */
const asked: readonly RoleIdentity[] = [
  identityOf("reader"),
  { ...identityOf("reader"), sessionName: "kiam-other" },
  { ...identityOf("reader"), externalId: "tenant-7" },
  identityOf("writer"),
];

/** Pods want these and wait. */
const wanted: readonly RoleIdentity[] = [identityOf("path/writer"), identityOf("admin")];

let moto: Sts;
beforeAll(async () => {
  moto = await startLoopbackSts();
});
afterAll(() => moto?.[Symbol.asyncDispose]());

/** Lives of five minutes, so that all that happens to credentials happens; of 75 s where only an hour may be asked for. */
const short = { sessionDurationSeconds: 4 * 3_600, lifetimePart: 1 / 48 };

async function live(phases: readonly Phase[]): Promise<readonly string[]> {
  const { random } = createDice(phases[0]?.salt ?? 0);
  await using world = await createStsWorld(moto.endpoint, { ...short, random, fetchers: 2 });
  const { clock, proxy, want } = world;
  const oracle = createOracle(world, { asked, wanted });
  proxy.decide = () => passing;
  for (const [index, identity] of [...asked, ...wanted].entries()) {
    want(identity, `namespace-${index % 3}`);
  }
  const pass = async (ms: number) => {
    for (const endMs = clock.now() + ms; clock.now() < endMs; ) {
      await clock.advance(Math.min(secondMs, endMs - clock.now()));
      oracle.look();
    }
  };

  for (const phase of phases) {
    proxy.decide = decideBy(phase);
    await pass(phase.ms);
  }
  proxy.decide = () => passing;
  await pass(70 * secondMs); // A refusal is remembered for a minute, and a call that hangs ends after five seconds.
  oracle.expectHeld(asked, "a minute after the faults");
  await pass(530 * secondMs); // After refusals the background tries again ever more seldom, every ten minutes at least.
  oracle.expectHeld([...asked, ...wanted], "ten minutes after the faults", 15 * secondMs);
  return oracle.broken;
}

test(
  `whatever STS does: only one's own credentials, none expired, none taken away, nobody waits, and all is well soon after (seed ${seed})`,
  async () => {
    await fc.assert(
      fc.asyncProperty(phasesOf(["reader", "path/writer", "admin"]), async (phases) => {
        expect(await live(phases)).toEqual([]);
      }),
      { numRuns: runs, seed, endOnFailure: true },
    );
  },
  runs * 20_000,
);
