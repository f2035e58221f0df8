import { tools } from "../../e2e/lab/tools.ts";
import { createFakeDns } from "../../fakes/dns-server.ts";
import { createTlsDirectory } from "../../unit/tls/tls-directory.ts";
import type { Cluster } from "./cluster.ts";
import { serverName } from "./pki.ts";

/** A Go agent's client: tests/tools/gofleet/goagent says what it does. */
export interface GoClient extends AsyncDisposable {
  /** One call: `role IP`, `credentials IP ROLE` or `health`. Rejects with what the program complained of where none was made. */
  call(words: readonly string[], flags?: readonly string[]): Promise<GoAnswer>;
  /** Calls all three methods again and again. Resolves once it does. */
  load(ip: string, role: string, flags?: readonly string[]): Promise<GoLoad>;
}

export interface GoAnswer {
  readonly code: string;
  readonly text: string;
  readonly answer?: Readonly<Record<string, string>>;
}

export interface GoLoad {
  /** Once it is over by itself, with `--for`. */
  readonly tally: Promise<GoTally>;
  /** Ends it. */
  end(): Promise<GoTally>;
}

export interface GoTally {
  readonly calls: number;
  /** How often each failure came: `Code: text`. */
  readonly failures: Readonly<Record<string, number>>;
  /** How many calls each server answered, by host:port. */
  readonly peers: Readonly<Record<string, number>>;
  readonly connections: number;
  readonly slowestMs: number;
}

/** A client of every replica that the cluster names, by a headless service's name; its proof is an agent's of no node. */
export async function goClientOf(cluster: Cluster, tls = cluster.pki.agent()): Promise<GoClient> {
  const resources = new AsyncDisposableStack();
  const { files } = resources.use(await createTlsDirectory(tls));
  const named = () => cluster.replicas.filter(cluster.named).map(({ address }) => address);
  const dns = resources.use(await createFakeDns(named));
  const common = [
    ...[`--cert=${files.cert}`, `--key=${files.key}`, `--ca=${files.ca}`, `--dns-server=${dns.address}`],
    `--server-address=${serverName}:${cluster.replicas[0]?.port ?? 0}`,
    "--gateway-timeout-creation=10s", // The machine may have more to do.
  ];

  function start(command: string, flags: readonly string[], words: readonly string[]) {
    const argv = [tools.goFleet("goagent"), command, ...common, ...flags, ...words];
    const child = Bun.spawn(argv, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    resources.defer(() => child.kill());
    return child;
  }

  return {
    async call(words, flags = []) {
      const child = start("call", flags, words);
      return await outcomeOf(child, child.stderr.text());
    },
    async load(ip, role, flags = []) {
      const child = start("load", flags, [ip, role]);
      const begun = Promise.withResolvers<void>();
      const problem = readAll(child.stderr, begun.resolve);
      const tally: Promise<GoTally> = outcomeOf(child, problem);
      await Promise.race([begun.promise, tally]);
      return {
        tally,
        async end() {
          child.kill("SIGTERM");
          return await tally;
        },
      };
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** What the program wrote, or an error of what it complained of. */
async function outcomeOf(child: Bun.Subprocess<"ignore", "pipe", "pipe">, problem: Promise<string>) {
  const [text, complaint, exitCode] = await Promise.all([child.stdout.text(), problem, child.exited]);
  if (exitCode !== 0) {
    throw new Error(complaint);
  }
  return JSON.parse(text);
}

async function readAll(stream: ReadableStream<Uint8Array>, onFirst: () => void): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    onFirst();
  }
  return text;
}
