import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createLab, type Lab } from "./lab/lab.ts";
import { createAuthority } from "./lab/pki.ts";
import { playRound, type Round, schedulesPerRound } from "./watch-faults/round.ts";

// KIAM_LONG=1 plays a thousand schedules, KIAM_SEED=<n> the one round that failed with that seed.

let lab: Lab;
beforeAll(async () => {
  lab = await createLab();
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

const { KIAM_SEED: replayed, KIAM_LONG: isLong } = process.env;
const schedules = isLong === undefined ? 32 : 1_000;

/** An API server takes seconds to come back, and a silence to be noticed: not in every round. */
const rounds: readonly Round[] =
  replayed === undefined
    ? Array.from({ length: schedules / schedulesPerRound }, (_, number) => ({
        seed: (Date.now() % 2 ** 31) + number,
        number,
        isKilled: number % 8 === 4,
        isFrozen: number % 2 === 1,
      }))
    : [false, true].map((isRare, number) => ({ seed: Number(replayed), number, isKilled: isRare, isFrozen: isRare }));

test(
  `whatever the API server and the network do, the stores are what a fresh list says in the end (${rounds.length * schedulesPerRound} schedules)`,
  async () => {
    const authority = await createAuthority(join(lab.directory, "proxy-pki"), "lab-api-proxy");
    const identity = await authority.issue({
      commonName: "api-proxy",
      names: ["IP:127.0.0.1"],
      usage: "serverAuth",
    });
    const [cert, key, ca] = await Promise.all(
      [identity.cert, identity.key, identity.ca].map((path) => readFile(path, "utf8")),
    );
    if (cert === undefined || key === undefined || ca === undefined) {
      throw new Error("no certificate for the proxy");
    }
    const faults = new Map<string, number>();
    let slowestMs = 0;

    for (const round of rounds) {
      const played = await playRound({ lab, tls: { cert, key, ca } }, round).catch((cause: unknown) => {
        throw new Error(`KIAM_SEED=${round.seed} fails`, { cause });
      });

      expect({ seed: round.seed, breaches: played.breaches }).toEqual({ seed: round.seed, breaches: [] });
      for (const [name, count] of played.faults) {
        faults.set(name, (faults.get(name) ?? 0) + count);
      }
      slowestMs = Math.max(slowestMs, played.convergedMs);
    }

    process.stderr.write(
      `${rounds.length * schedulesPerRound} schedules, right ${Math.round(slowestMs / 1000)} s after the last fault at most: ${JSON.stringify(Object.fromEntries(faults))}\n`,
    );
    if (replayed === undefined) {
      expect([...faults.keys()].sort()).toEqual(everyFault);
    }
  },
  isLong === undefined ? 240_000 : 3 * 3_600_000,
);

const everyFault = [
  "again",
  "bookmarks-only",
  "cut",
  "drip",
  "error-event",
  "garbage",
  "hang",
  "pass",
  "refuse",
  "reset",
  "shuffle",
  "small-pages",
  "stall",
  "told-to-wait",
];
