import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { drawConnectionFault, drawListFault, drawWatchFault } from "../../fakes/api-faults/fault.ts";
import { type ApiFaultProxy, createApiFaultProxy } from "../../fakes/api-faults/proxy.ts";
import { createDice, type Dice } from "../../fixtures/dice.ts";
import { createFastClock } from "../../integration/cluster/clocks.ts";
import type { Lab } from "../lab/lab.ts";
import { createChurn } from "./churn.ts";
import { compactEtcd } from "./compact.ts";
import { converge, historyOf } from "./converge.ts";
import { startFollower } from "./follower.ts";
import type { Lane } from "./lane.ts";
import { outage } from "./outage.ts";
import { breachesOfPace } from "./pace.ts";

/** What all rounds share. */
export interface World {
  readonly lab: Lab;
  /** What the proxies show to followers, and whom followers trust. PEM texts. */
  readonly tls: { readonly cert: string; readonly key: string; readonly ca: string };
}

export interface Round {
  readonly seed: number;
  /** Counts from 0: where its numbers begin. */
  readonly number: number;
  /** Whether the API server is killed in the middle of it. */
  readonly isKilled: boolean;
  /** Whether the first schedule's connections fall silent near the end, so that what then happens is not heard over them. */
  readonly isFrozen: boolean;
}

/** Each a schedule of its own, before the same cluster. */
export const schedulesPerRound = 4;

/** Fast enough that nobody waits long for a silence to be noticed, slow enough for an API server on a busy machine. */
const speed = 30;
const steps = 25;

export interface RoundResult {
  /** In words; none is what it should be. */
  readonly breaches: readonly string[];
  /** Which faults there were, how often. */
  readonly faults: ReadonlyMap<string, number>;
  /** How long the slowest took to be right after the last fault, by the followers' clock. */
  readonly convergedMs: number;
}

export async function playRound(world: World, { seed, number, isKilled, isFrozen }: Round): Promise<RoundResult> {
  const { lab } = world;
  const dice = createDice(seed);
  const clock = createFastClock(speed);
  await using undo = new AsyncDisposableStack();
  const tokens = await Promise.all([newToken(lab), newToken(lab)]);
  const lanes: Lane[] = [];
  for (let index = 0; index < schedulesPerRound; index += 1) {
    const own = dice.fork(`lane ${index}`);
    const proxy = undo.use(
      await createApiFaultProxy({ tls: world.tls, clock, dice: own.fork("answers"), forward: forwardTo(lab) }),
    );
    misbehave(proxy, own);
    const place = join(lab.directory, `watch-${seed}-${index}`);
    const follower = undo.use(
      await startFollower({
        ...{ port: proxy.port, ca: world.tls.ca, token: tokens[0], directory: place, clock },
        random: own.fork("pauses").random,
      }),
    );
    lanes.push({ proxy, follower });
  }

  const churn = createChurn(lab.api, dice.fork("churn"), number * 1000);
  const [compactAt, killAt, rotateAt] = [dice.between(0, steps), dice.between(5, steps - 5), dice.between(0, steps)];
  const freezeAt = dice.between(steps - 10, steps - 5);
  const breaches: string[] = [];
  for (let step = 0; step < steps; step += 1) {
    await churn.step();
    if (step === compactAt) {
      await compactEtcd(lab);
    }
    if (step === rotateAt) {
      await rotateTokens(lanes, tokens[1]);
    }
    if (isFrozen && step === freezeAt) {
      lanes[0]?.proxy.freeze();
    }
    if (isKilled && step === killAt) {
      breaches.push(...(await outage(lab.controlPlane, lanes)));
    }
  }

  const faults = countFaults(lanes);
  lanes.forEach(({ proxy }) => void behave(proxy));
  const calmMs = clock.now();
  await converge(lab.api, lanes, clock);
  const convergedMs = clock.now() - calmMs;
  for (const [index, { proxy, follower }] of lanes.entries()) {
    const found = [...follower.sinks.breaches, ...breachesOfPace(proxy.records)];
    breaches.push(...found.map((breach) => `schedule ${index}: ${breach}`));
    if (found.length > 0) {
      breaches.push(...historyOf({ proxy, follower }));
    }
  }
  return { breaches, faults, convergedMs };
}

async function newToken(lab: Lab): Promise<string> {
  const { namespace, name } = await lab.serverAccount();
  return await lab.api.createServiceAccountToken({ namespace, name });
}

function forwardTo({ control, controlPlane }: Lab) {
  return async (path: string, authorization: string, signal: AbortSignal) =>
    control.fetch(`${controlPlane.url}${path}`, {
      headers: { Authorization: authorization, Accept: "application/json" },
      tls: { ca: await readFile(controlPlane.ca, "utf8"), rejectUnauthorized: true },
      signal,
    });
}

/** Dice for each kind of question: which resource's question comes first is chance. */
function misbehave(proxy: ApiFaultProxy, dice: Dice): void {
  const connections = dice.fork("connections");
  const asked = new Map<string, Dice>();
  proxy.decideConnection = () => drawConnectionFault(connections);
  proxy.decide = ({ resource, step }) => {
    const own = asked.get(resource) ?? dice.fork(resource);
    asked.set(resource, own);
    return step === "watch" ? drawWatchFault(own) : drawListFault(own);
  };
}

function behave(proxy: ApiFaultProxy): void {
  proxy.decideConnection = () => "pass";
  proxy.decide = () => ({ kind: "pass" });
}

/** The former token is nobody's already while it is still shown. */
async function rotateTokens(lanes: readonly Lane[], token: string): Promise<void> {
  for (const { proxy } of lanes) {
    proxy.onlyToken = token;
  }
  await Promise.all(lanes.map(({ follower }) => follower.writeToken(token)));
}

function countFaults(lanes: readonly Lane[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const record of lanes.flatMap(({ proxy }) => proxy.records)) {
    const name = record.kind === "asked" ? record.fault : record.kind;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}
