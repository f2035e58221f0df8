import { type PodAnswer, podAt } from "../../tests/integration/cluster/pod-client.ts";
import type { Life } from "./life.ts";

/** What came of the reads so far. */
export interface Reads {
  /** Of the pods that stay: each is to get its role's credentials. */
  readonly steady: number;
  readonly failed: readonly string[];
  readonly tookMs: readonly number[];
  /** Of pods that come and go, by status: some of them may have nothing, or nothing any more. */
  readonly passing: ReadonlyMap<number, number>;
  /** Answers with the credentials of a role that nobody at the address had had for {@link longestLateMs}. */
  readonly foreign: readonly string[];
}

export interface Reading extends AsyncDisposable {
  readonly reads: Reads;
}

/** Far more than a change takes to arrive. */
export const longestLateMs = 5_000;

/** The role that the fake STS has written into a key. */
export const roleOfKey = (key: string): string => /^ASIA-(.*)-\d+$/.exec(key)?.[1] ?? "";

/** Has pods of the watched node ask the agent for their credentials, one after another, each on a connection of its own. */
export function startReading(life: Life, port: number, perSecond: number): Reading {
  const failed: string[] = [];
  const foreign: string[] = [];
  const tookMs: number[] = [];
  const passing = new Map<number, number>();
  const under = new Set<Promise<void>>();
  let turn = 0;

  async function readSteady(): Promise<void> {
    const pod = life.steady[turn % life.steady.length];
    if (pod === undefined) {
      return;
    }
    const startedAtMs = performance.now();
    const answer = await ask(pod.address, pod.role);
    tookMs.push(performance.now() - startedAtMs);
    if (roleOfKey(answer.accessKeyId ?? "") !== pod.role) {
      failed.push(`${answer.status} ${answer.message ?? answer.accessKeyId ?? answer.body}`);
    }
  }

  async function readPassing(): Promise<void> {
    const pod = life.anyReadable();
    if (pod === undefined) {
      return;
    }
    const { address, role } = pod;
    const { status, accessKeyId } = await ask(address, role);
    passing.set(status, (passing.get(status) ?? 0) + 1);
    const given = roleOfKey(accessKeyId ?? "");
    if (accessKeyId !== undefined && !life.hadLately(address, given, longestLateMs)) {
      foreign.push(`${given} at ${address}`);
    }
  }

  /** Nobody has it, so a server is asked. */
  async function readUnknown(): Promise<void> {
    await ask("127.1.254.1", "role-1");
  }

  async function ask(address: string, role: string): Promise<PodAnswer> {
    try {
      return await podAt(address, { port }).credentials(role);
    } catch (error) {
      return { status: 0, body: String(error), accessKeyId: undefined, message: undefined };
    }
  }

  const ticking = setInterval(() => {
    turn += 1;
    const read = turn % 200 === 0 ? readUnknown() : turn % 2 === 0 ? readSteady() : readPassing();
    under.add(read);
    void read.finally(() => under.delete(read));
  }, 1_000 / perSecond);

  return {
    reads: {
      get steady() {
        return tookMs.length;
      },
      ...{ failed, tookMs, passing, foreign },
    },
    async [Symbol.asyncDispose]() {
      clearInterval(ticking);
      await Promise.all(under);
    },
  };
}
