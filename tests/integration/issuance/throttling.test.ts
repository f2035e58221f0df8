import { expect, test } from "bun:test";
import { neverAborted } from "../../../src/runtime/abort.ts";
import { assumeRoleXml, credentialsXml, identityOf, serveFakeSts } from "../../fakes/sts.ts";
import { type FaultName, faults } from "../../fakes/sts-faults/fault.ts";
import { createDice } from "../../fixtures/dice.ts";
import { createStsWorld } from "./sts-world.ts";

const minuteMs = 60_000;
const identities = Array.from({ length: 1_000 }, (_, index) => identityOf(`role-${index}`));
const stsTakes = { kind: "delay", ms: 80 } as const;

/** Any role, each time by a key of its own. */
function serveAnyRole() {
  let keys = 0;
  return serveFakeSts(() => {
    keys += 1;
    return assumeRoleXml(credentialsXml("2026-11-22T12:00:00Z", `ASIA${keys}`));
  });
}

test.each<[FaultName, number]>([
  ["throttled", 1_100],
  ["overloaded", 1_100],
])(
  "ten minutes of STS saying %p while a thousand identities are to be renewed: at most %i requests until all are, none missed, over in half a minute",
  async (name, most) => {
    await using sts = serveAnyRole();
    await using world = await createStsWorld(sts.url, { random: createDice(7).random });
    const { clock, proxy, want, get, metric } = world;
    proxy.decide = () => stsTakes;
    for (const [index, identity] of identities.entries()) {
      want(identity, `namespace-${index % 10}`);
    }
    await clock.advance(32 * minuteMs); // Renewals are due from 32.5 to 37.5 minutes after issue.
    expect([proxy.requests.length, await metric("kiam_sts_cacheSize")]).toEqual([1_000, 1_000]);

    proxy.decide = () => faults[name];
    for (let minute = 0; minute < 10; minute += 1) {
      await clock.advance(minuteMs);
      const answers = await Promise.all(identities.map((identity) => get(identity, "team", neverAborted())));
      expect(answers.filter(({ kind }) => kind !== "issued")).toEqual([]);
    }
    expect(proxy.requests.length).toBeGreaterThan(1_000);
    proxy.decide = () => stsTakes;
    await clock.advance(30_000);

    expect(await metric("kiam_sts_renewals_total")).toBe(1_000);
    expect(proxy.requests.length - 1_000).toBeLessThanOrEqual(most);
  },
  60_000,
);
