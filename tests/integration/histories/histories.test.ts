import { expect, test } from "bun:test";
import { createDice } from "../../fixtures/dice.ts";
import { WrongAnswer } from "./judge.ts";
import { createAgentSurroundings } from "./node-agent.ts";
import { type History, play } from "./play.ts";
import { createServerSurroundings } from "./replica.ts";
import { shrunk } from "./shrink.ts";
import { aHistory } from "./steps.ts";

/** `KIAM_LONG=1` plays 100,000 of them, `KIAM_SEED` the one of a failure again. */
const { KIAM_LONG, KIAM_SEED } = process.env;
const histories = KIAM_LONG === undefined ? 1_000 : 100_000;
const firstSeed = KIAM_SEED === undefined ? 1 : Number(KIAM_SEED);
const seeds = KIAM_SEED === undefined ? histories : 1;
const timeLimitMs = KIAM_LONG === undefined ? 120_000 : 4 * 3_600_000;

const surroundings = { ...createServerSurroundings(), ...createAgentSurroundings() };

async function wrongOf(history: History): Promise<WrongAnswer | undefined> {
  try {
    await play(history, surroundings);
    return undefined;
  } catch (error) {
    if (error instanceof WrongAnswer) {
      return error;
    }
    throw error;
  }
}

/** A failure as somebody has to read it: the shortest history that fails, and how to play it again. */
async function reported(seed: number, history: History): Promise<string> {
  const shortest = await shrunk(history.steps, async (steps) => (await wrongOf({ ...history, steps })) !== undefined);
  const lines = shortest.map((step) => `  ${JSON.stringify(step)}`);
  return [
    `KIAM_SEED=${seed}, ${history.replicas} replicas: ${(await wrongOf({ ...history, steps: shortest }))?.message}`,
    ...lines,
  ].join("\n");
}

test(
  "whatever becomes of pods, namespaces, servers and STS, an address gets its own pod's role and no other, within a second of the news",
  async () => {
    const startedMs = performance.now();
    for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
      const dice = createDice(seed);
      const replicas = dice.pick([1, 2, 2, 3]);
      const history: History = {
        replicas,
        sts: dice.happens(0.6) ? "prompt" : "slow",
        steps: aHistory(dice, replicas),
      };
      const wrong = await wrongOf(history);

      expect(wrong && (await reported(seed, history))).toBeUndefined();
    }
    if (KIAM_LONG !== undefined) {
      const perSecond = (seeds / (performance.now() - startedMs)) * 1_000;
      process.stderr.write(`${seeds} histories, ${Math.round(perSecond)} a second\n`);
    }
  },
  timeLimitMs,
);
