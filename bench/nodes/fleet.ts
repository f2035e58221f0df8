import { tools } from "../../tests/e2e/lab/tools.ts";
import { waitFor } from "../../tests/e2e/lab/wait.ts";

/** Milliseconds from a change until it was at its agent. */
export interface Latencies {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** What became of the nodes since the last reset; times are from that on. See tests/tools/gofleet/gonodes. */
export interface FleetReport {
  readonly connected: number;
  readonly attempts: number;
  readonly lastAttemptMs: number;
  readonly snapshots: number;
  readonly lastInSyncMs: number;
  /** Allowed pods that a snapshot named while their node had never been given credentials for them. */
  readonly barePods: number;
  /** Nodes whose stream ended before the next one was in sync. */
  readonly gaps: number;
  readonly longestGapMs: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly pods: Latencies;
  readonly credentials: Latencies;
}

const arriveWithinMs = 90_000;

/** Resolves with the first report that will do. */
export async function untilReport(fleet: Fleet, will: (report: FleetReport) => boolean): Promise<FleetReport> {
  const look = async () => {
    const report = await fleet.report();
    return will(report) ? report : undefined;
  };
  return await waitFor("the nodes", look, arriveWithinMs);
}

/** Many nodes with a stream each. */
export interface Fleet extends AsyncDisposable {
  report(): Promise<FleetReport>;
  reset(): Promise<void>;
  /** What DNS names from now on. */
  setServers(addresses: readonly string[]): Promise<void>;
}

export interface FleetOptions {
  readonly nodes: number;
  readonly servers: readonly string[];
  readonly ca: { readonly cert: string; readonly key: string };
}

export function startFleet({ nodes, servers, ca }: FleetOptions): Fleet {
  const flags = [`--nodes=${nodes}`, `--servers=${servers.join(",")}`, `--ca=${ca.cert}`, `--ca-key=${ca.key}`];
  const child = Bun.spawn([tools.goFleet("gonodes"), ...flags], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const lines = linesOf(child.stdout);

  async function ask(command: string): Promise<unknown> {
    child.stdin.write(`${command}\n`);
    const { value, done } = await lines.next();
    if (done === true) {
      throw new Error(`gonodes has ended instead of an answer to ${command}`);
    }
    return JSON.parse(value);
  }

  return {
    report: async () => (await ask("report")) as FleetReport,
    async reset() {
      await ask("reset");
    },
    async setServers(addresses) {
      await ask(`servers ${addresses.join(",")}`);
    },
    async [Symbol.asyncDispose]() {
      await child.stdin.end();
      await child.exited;
    },
  };
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  return undefined;
}
