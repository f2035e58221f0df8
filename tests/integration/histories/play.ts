import type { Answer } from "../../../src/agent/metadata/answer.ts";
import { createFakeClock, type FakeClock, settle } from "../../fakes/clock.ts";
import { createFakeSts, type StsCall } from "../../fakes/sts.ts";
import { createApiLog, itemAt, itemsAt, type PodState } from "./api-log.ts";
import { createNews } from "./news.ts";
import { type createAgentSurroundings, createMemoryAgent, type PodConnection } from "./node-agent.ts";
import { createMemoryReplica, type createServerSurroundings, type MemoryReplica } from "./replica.ts";
import { addresses, roles, type Step } from "./steps.ts";
import { type Verdict, verdictOf } from "./verdict.ts";

export type Surroundings = ReturnType<typeof createServerSurroundings> & ReturnType<typeof createAgentSurroundings>;

/** Thrown where an agent answered what it may not, or did not answer what it should. */
export class WrongAnswer extends Error {
  override readonly name = "WrongAnswer";
}

export interface HistorySettings {
  readonly replicas: number;
  /** Whether STS answers at once, or as the history says. */
  readonly sts: "prompt" | "slow";
}

export interface History extends HistorySettings {
  readonly steps: readonly Step[];
}

interface Asked {
  readonly connection: Kept;
  readonly role: string;
  /** What was right since the step before: a late answer may have been made before the newest news. */
  verdicts: readonly Verdict[];
}

/** A connection, and the pod that it has served. */
interface Kept {
  readonly pod: PodConnection;
  uid?: string;
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
  const sts = createFakeSts(clock);
  const answered = new Set<StsCall>();
  const failedAtMs = new Map<string, number>();
  const news = createNews(log);
  const states = new Map<number, PodState>();
  const asked = new Set<Asked>();
  const kept: Kept[] = [];
  let serial = 0;
  let asking = 0;
  let following = 0;

  log.putNamespace("default", ".*");
  log.putNamespace("other", ".*/reader");
  const newReplica = () => createMemoryReplica({ ...surroundings, log, sts, clock });
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

  function change(slot: number, changes: Partial<PodState>): void {
    const state = states.get(slot);
    if (state !== undefined) {
      const next = { ...state, ...changes };
      states.set(slot, next);
      log.putPod(next);
    }
  }

  function schedule(step: Extract<Step, { kind: "schedule" }>): void {
    if (!states.has(step.slot)) {
      serial += 1;
      const { role, namespace, network, maker, node: nodeName } = step;
      states.set(step.slot, {
        ...{ uid: `pod-${serial}`, role, namespace, network, maker, nodeName, sessionName: undefined },
        ...{ addresses: [], phase: "Pending", isBeingDeleted: false, hasEnded: false },
        startedAtMs: clock.now() - (clock.now() % 1_000),
      });
      change(step.slot, {});
    }
  }

  const pendingCalls = () => sts.calls.filter((call) => !answered.has(call));

  function answerSts(call: StsCall | undefined, outcome: Extract<Step, { kind: "sts" }>["outcome"]): void {
    if (call === undefined) {
      return;
    }
    answered.add(call);
    switch (outcome) {
      case "issue":
        call.issue();
        break;
      case "short":
        call.issue(90_000);
        break;
      case "refused":
      case "unavailable":
        failedAtMs.set(call.identity.role, clock.now());
        call.fail(outcome);
        break;
      default:
        outcome satisfies never;
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

  /** What a pod gets must be what its address may have, by all that the agent has heard. */
  function judge({ connection, role, verdicts }: Asked, answer: Answer): void {
    if (answer.status !== 200) {
      return;
    }
    const document = JSON.parse(answer.body) as { readonly AccessKeyId: string; readonly Expiration: string };
    const right = verdicts.findLast(
      (verdict) => verdict.kind === "allowed" && document.AccessKeyId.startsWith(`ASIA-${verdict.key}-`),
    );
    const what = `${connection.pod.address} asked for ${role} and got ${document.AccessKeyId}`;
    if (right?.kind !== "allowed" || right.role !== role) {
      throw new WrongAnswer(`${what}, where it is ${verdicts.map(describe).join(", then ")}`);
    }
    if (connection.uid !== undefined && connection.uid !== right.uid) {
      throw new WrongAnswer(`${what} over a connection of ${connection.uid}, which is ${right.uid}'s`);
    }
    if (Date.parse(document.Expiration) <= clock.now()) {
      throw new WrongAnswer(`${what}, which had expired`);
    }
    connection.uid = right.uid;
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
          judge({ connection: { pod }, role, verdicts }, answer);
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
      judge(question, answer);
      return answer;
    }
    asked.add(question);
    const judged = answer.then(
      (late) => {
        asked.delete(question);
        judge(question, late);
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

  async function issueAll(): Promise<void> {
    for (let round = 0; round < 4; round += 1) {
      await settle();
      pendingCalls().forEach((call) => void answerSts(call, "issue"));
    }
    await settle();
  }

  /** The watch has brought everything: within a second each address is answered as is true. */
  async function calm(): Promise<void> {
    const replica = replicaAt(following);
    while (replica.deliver("pods") || replica.deliver("namespaces")) {}
    asking = following;
    if (!agent.isFollowing) {
      agent.follow(replica);
    }
    await issueAll();
    if (isTouched) {
      replica.decideAgain();
    }
    await clock.advance(1_000);
    await issueAll();
    for (const address of addresses) {
      await expectTruth(address);
    }
  }
  let isTouched = false;

  async function expectTruth(address: string): Promise<void> {
    const candidates = itemsAt(log.pods, log.version).map((pod) => ({
      pod,
      permitted: itemAt(log.namespaces, pod.namespace, log.version)?.permitted ?? "",
    }));
    const truth = verdictOf(address, candidates);
    const pod = agent.connect(address);
    const answer = ask({ pod }, truth.kind === "allowed" ? truth.role : "reader");
    pod.close();
    const wanted = statusOf(truth);
    const hasFailed = truth.kind === "allowed" && clock.now() - lastFailure(truth.role) < 120_000;
    const late = answer instanceof Promise ? "none at once" : answer.status;
    const isFine = late === wanted || (wanted === 503 && answer instanceof Promise) || hasFailed;
    if (!isFine) {
      throw new WrongAnswer(`${address} is ${describe(truth)} a second after the news of it, and gets ${late}`);
    }
  }

  const lastFailure = (role: string) =>
    failedAtMs.get(`arn:aws:iam::123456789012:role/${role}`) ?? Number.NEGATIVE_INFINITY;

  async function act(step: Step): Promise<void> {
    switch (step.kind) {
      case "schedule":
        return schedule(step);
      case "address":
        return change(step.slot, { addresses: step.addresses, phase: "Running" });
      case "annotate":
        return change(step.slot, { role: step.role, sessionName: step.session });
      case "begin-deletion":
        return change(step.slot, { isBeingDeleted: true });
      case "end-containers":
        return change(step.slot, { hasEnded: true });
      case "touch":
        return change(step.slot, {});
      case "finish":
        return change(step.slot, { phase: step.phase });
      case "move":
        return change(step.slot, { nodeName: step.node });
      case "delete": {
        const state = states.get(step.slot);
        states.delete(step.slot);
        return state === undefined ? undefined : log.removePod(state.uid);
      }
      case "permit":
        return log.putNamespace(step.namespace, step.pattern);
      case "touch-namespace": {
        isTouched = true;
        const held = itemAt(log.namespaces, step.namespace, log.version);
        return held === undefined ? undefined : log.putNamespace(step.namespace, held.permitted);
      }
      case "remove-namespace":
        return log.removeNamespace(step.namespace);
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
      case "sts": {
        const calls = pendingCalls();
        return answerSts(calls[step.which % Math.max(calls.length, 1)], step.outcome);
      }
      case "wait":
        return wait(step.ms);
      default:
        return step satisfies never;
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
        await issueAll();
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

function statusOf(verdict: Verdict): number {
  switch (verdict.kind) {
    case "allowed":
      return 200;
    case "denied":
      return 403;
    case "no-role":
      return 404;
    case "nobody":
    case "doubt":
      return 503;
    default:
      return verdict satisfies never;
  }
}

function describe(verdict: Verdict): string {
  switch (verdict.kind) {
    case "allowed":
      return `${verdict.uid}'s with ${verdict.role}`;
    case "denied":
    case "no-role":
      return `${verdict.uid}'s, ${verdict.kind}`;
    default:
      return verdict.kind;
  }
}
