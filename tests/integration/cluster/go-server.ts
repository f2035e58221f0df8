import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TlsIdentity } from "../../../src/rpc/tls-options.ts";
import { tools } from "../../e2e/lab/tools.ts";
import { createRelay } from "../../fakes/relay.ts";
import { createTlsDirectory } from "../../unit/tls/tls-directory.ts";

/** A pod as a Go server knows it: tests/tools/gofleet/goserver says what each field does. */
export interface GoPod {
  readonly ip: string;
  /** Empty for none. */
  readonly role: string;
  readonly forbidden?: boolean;
  readonly error?: string;
  readonly delayMs?: number;
}

export interface GoServerOptions {
  readonly tls: TlsIdentity;
  /** Where agents are to reach it; port 0 takes a free one. */
  readonly address: string;
  readonly port: number;
  readonly pods: readonly GoPod[];
  /** Without their dashes. */
  readonly flags?: Readonly<Record<string, string>>;
}

/** A server of grpc-go that behaves as the Go release's, on the loopback behind a network of its own. */
export interface GoServer extends AsyncDisposable {
  readonly address: string;
  /** How many connections were made to it. */
  readonly connectionsMade: number;
  /** What it knows from now on. */
  setPods(pods: readonly GoPod[]): Promise<void>;
  /** The machine dies. */
  kill(): Promise<void>;
  /** Stops it and tells how often each method was called. */
  stop(): Promise<Readonly<Record<string, number>>>;
}

export async function startGoServer({ tls, address, port, pods, flags = {} }: GoServerOptions): Promise<GoServer> {
  await using resources = new AsyncDisposableStack();
  const directory = resources.use(await createTlsDirectory(tls));
  const podFile = join(directory.path, "pods.json");
  const setPods = (next: readonly GoPod[]) => writeFile(podFile, JSON.stringify({ pods: next }));
  await setPods(pods);
  const given = { ...directory.files, bind: "127.0.0.1:0", pods: podFile, ...flags };
  const argv = Object.entries(given).map(([name, value]) => `--${name}=${value}`);
  const child = Bun.spawn([tools.goFleet("goserver"), ...argv], { stdout: "pipe", stderr: "inherit" });
  const lines = linesOf(child.stdout);
  const stop = async () => {
    child.kill("SIGTERM");
    let last = "{}";
    for await (const line of lines) {
      last = line;
    }
    await child.exited;
    return JSON.parse(last).calls ?? {};
  };
  resources.defer(async () => {
    child.kill("SIGKILL");
    await child.exited;
  });

  const { value: hello = "" } = await lines.next();
  const listener = { host: "127.0.0.1", port: Number(hello.slice(hello.lastIndexOf(":") + 1)) };
  let connectionsMade = 0;
  const network = await createRelay({
    address,
    port,
    target() {
      connectionsMade += 1;
      return listener;
    },
  });
  resources.use(network);
  const undo = resources.move();
  return {
    address,
    get connectionsMade() {
      return connectionsMade;
    },
    setPods,
    async kill() {
      await network.cut();
      child.kill("SIGKILL");
      await child.exited;
    },
    stop,
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  };
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = `${rest}${decoder.decode(chunk, { stream: true })}`.split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  return undefined;
}
