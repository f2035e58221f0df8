import { unknownPodPatienceMs } from "../../../src/agent/credentials/find-pod.ts";
import type { Answer } from "../../../src/agent/metadata/answer.ts";
import { createFakeClock, type FakeClock, settle } from "../../fakes/clock.ts";
import { createApiLog, itemAt, itemsAt } from "./api-log.ts";
import { createDoer } from "./deeds.ts";
import { type Asked, describe, judge, type Kept, statusOf, WrongAnswer } from "./judge.ts";
import { createNews } from "./news.ts";
import { type createAgentSurroundings, createMemoryAgent } from "./node-agent.ts";
import { createPlayedSts } from "./played-sts.ts";
import { createMemoryReplica, type createServerSurroundings, type MemoryReplica } from "./replica.ts";
import { addresses, roles, type Step } from "./steps.ts";
import { verdictOf } from "./verdict.ts";

export type Surroundings = ReturnType<typeof createServerSurroundings> & ReturnType<typeof createAgentSurroundings>;

export interface HistorySettings {
  readonly replicas: number;
  /** Whether STS answers at once, or as the history says. */
  readonly sts: "prompt" | "slow";
}

export interface History extends HistorySettings {
  readonly steps: readonly Step[];
}

const base = "/latest/meta-data/iam/security-credentials/";

/** Longer than any step waits: after so long everything is over. */
const longestMs = 50 * 60_000;

/** Plays a history, to its end. @throws WrongAnswer at the first wrong answer */
export async function play({ steps, ...settings }: History, surroundings: Surroundings): Promise<void> {
  await using history = beginHistory(settings, surroundings);
  for (const step of steps) {
    await history.take(step);
  }
  await history.take({ kind: "calm" });
}

function beginHistory({ replicas: replicaCount, sts: howPrompt }: HistorySettings, surroundings: Surroundings) {
  const isStsPrompt = howPrompt === "prompt";
  const clock: FakeClock = createFakeClock();
  const startMs = clock.now();
  const log = createApiLog();
  const sts = createPlayedSts(clock);
  const news = createNews(log);
  const doInCluster = createDoer(log, clock);
  const asked = new Set<Asked>();
  const kept: Kept[] = [];
  let asking = 0;
  let following = 0;

  log.putNamespace("default", ".*");
  log.putNamespace("other", ".*/reader");
  const newReplica = () => createMemoryReplica({ ...surroundings, log, sts: sts.calls, clock });
  const replicas = Array.from({ length: replicaCount }, newReplica);
  const agent = createMemoryAgent({
    ...{ ...surroundings, clock },
    asked: () => replicas[asking],
    onUpdate: (update) => heard(() => news.hear(update)),
    onAnswer: (answer) => heard(() => news.hearAnswer(answer)),
  });

  function heard(take: () => void): void {
    take();
    for (const each of asked) {
      each.verdicts = [...each.verdicts, news.verdict(each.connection.pod.address)];
    }
  }

  function connectionOf({ connection, address }: Extract<Step, { kind: "request" }>): Kept {
    const old = typeof connection === "number" ? kept[connection % Math.max(kept.length, 1)] : undefined;
    if (old !== undefined && !old.pod.isClosed) {
      return old;
    }
    const fresh: Kept = { pod: agent.connect(address) };
    kept.push(fresh);
    return fresh;
  }

  /** What is answered without waiting, whoever asks for whatever. */
  function probe(): void {
    for (const address of addresses.filter(agent.knows)) {
      const verdicts = [news.verdict(address)];
      for (const role of roles) {
        const hangingUp = new AbortController();
        const pod = agent.connect(address);
        const answer = pod.get(base + role, hangingUp.signal);
        if (answer instanceof Promise) {
          answer.catch(() => undefined);
          hangingUp.abort(new Error("a probe does not wait"));
        } else {
          judge({ connection: { pod }, role, verdicts }, answer, clock.now());
        }
        pod.close();
      }
    }
  }

  let wrong: unknown;
  function ask(connection: Kept, role: string): Answer | Promise<Answer> {
    const question: Asked = { connection, role, verdicts: [news.verdict(connection.pod.address)] };
    const answer = connection.pod.get(base + role);
    if (!(answer instanceof Promise)) {
      judge(question, answer, clock.now());
      return answer;
    }
    asked.add(question);
    const judged = answer.then(
      (late) => {
        asked.delete(question);
        judge(question, late, clock.now());
        return late;
      },
      (error) => {
        asked.delete(question);
        throw error;
      },
    );
    judged.catch((error) => {
      wrong ??= error instanceof WrongAnswer ? error : undefined;
    });
    return judged;
  }

  async function wait(ms: number): Promise<void> {
    await clock.advance(clock.now() + ms - startMs > longestMs ? 0 : ms);
  }

  function replicaAt(index: number): MemoryReplica {
    const replica = replicas[index];
    if (replica === undefined) {
      throw new Error(`there is no replica ${index}`);
    }
    return replica;
  }

  /** The watch has brought everything: within a second each address is answered as is true. */
  async function calm(): Promise<void> {
    const replica = replicaAt(following);
    while (replica.deliver("pods") || replica.deliver("namespaces")) {}
    asking = following;
    if (!agent.isFollowing) {
      agent.follow(replica);
    }
    await sts.issueAll();
    await clock.advance(1_000);
    await sts.issueAll();
    for (const address of addresses) {
      await expectTruth(address);
    }
  }

  async function expectTruth(address: string): Promise<void> {
    const candidates = itemsAt(log.pods, log.version).map((pod) => ({
      pod,
      permitted: itemAt(log.namespaces, pod.namespace, log.version)?.permitted ?? "",
    }));
    const truth = verdictOf(address, candidates);
    const pod = agent.connect(address);
    const answer = ask({ pod }, truth.kind === "allowed" ? truth.role : "reader");
    await sts.issueAll();
    if (answer instanceof Promise) {
      await clock.advance(unknownPodPatienceMs);
    }
    const { status } = await answer;
    pod.close();
    const mayWait = truth.kind === "allowed" && clock.now() - sts.lastFailureMs(truth.role) < 120_000;
    if (status !== statusOf(truth) && !mayWait) {
      throw new WrongAnswer(`${address} is ${describe(truth)} a second after the news of it, and gets ${status}`);
    }
  }

  async function act(step: Step): Promise<void> {
    switch (step.kind) {
      case "deliver":
        for (let count = 0; count < step.count; count += 1) {
          replicaAt(step.replica).deliver(step.of, step.skipped);
        }
        return;
      case "list":
        return replicaAt(step.replica).list(step.of);
      case "follow":
        following = step.replica;
        return agent.follow(replicaAt(step.replica));
      case "ask-of":
        asking = step.replica;
        return;
      case "restart":
        replicaAt(step.replica)[Symbol.dispose]();
        replicas[step.replica] = newReplica();
        return;
      case "cut":
        return agent.cut();
      case "sync":
        return replicas.forEach((replica) => void replica.decideAgain());
      case "calm":
        return calm();
      case "request":
        void ask(connectionOf(step), step.role);
        return;
      case "sts":
        return sts.answer(step.which, step.outcome);
      case "wait":
        return wait(step.ms);
      default:
        return doInCluster(step);
    }
  }

  return {
    async take(step: Step): Promise<void> {
      for (const each of asked) {
        each.verdicts = each.verdicts.slice(-2);
      }
      await act(step);
      await settle();
      if (isStsPrompt) {
        await sts.issueAll();
      }
      if (wrong !== undefined) {
        throw wrong;
      }
      probe();
      await settle();
    },
    async [Symbol.asyncDispose]() {
      agent[Symbol.dispose]();
      replicas.forEach((replica) => void replica[Symbol.dispose]());
      await settle();
    },
  };
}
