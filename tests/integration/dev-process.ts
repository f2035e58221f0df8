import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { waitFor } from "../e2e/lab/wait.ts";

/** `kiam dev` as a developer runs it. Disposing it ends it. */
export interface DevProcess extends AsyncDisposable {
  readonly firstPort: number;
  stdout(): string;
  stderr(): string;
  /** The commands of the guide that was printed last, as they stand. */
  commands(): readonly string[];
  /** Where the printed commands ask STS. */
  emulator(): string;
  /** A path of the metadata service of the first pod, or of the one that many pods after it. */
  get(path: string, pod?: number, headers?: Readonly<Record<string, string>>): Promise<Response>;
  /** Resolves with the exit code. */
  end(signal: NodeJS.Signals): Promise<number>;
}

export interface DevOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly firstPort?: number;
}

/** Starts it and waits until it has said what to do. Its environment is `env`, nothing else. */
export async function startDev(kiam: string, { args = [], env = {}, firstPort }: DevOptions = {}): Promise<DevProcess> {
  const port = firstPort ?? (await freePorts(4));
  const child = Bun.spawn([kiam, "dev", "--port", String(port), ...args], {
    env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const written = { stdout: "", stderr: "" };
  const follow = async (stream: ReadableStream<Uint8Array>, name: keyof typeof written) => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      written[name] += decoder.decode(chunk, { stream: true });
    }
  };
  const drained = Promise.all([follow(child.stdout, "stdout"), follow(child.stderr, "stderr")]);
  const guideOf = () => written.stdout.slice(written.stdout.lastIndexOf("kiam dev: server and agent"));
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    const exitCode = await child.exited;
    await drained;
    return exitCode;
  };

  await Promise.race([
    waitFor("the guide", () => written.stdout.endsWith("Ctrl-C ends it.\n") || undefined),
    child.exited.then((code) => Promise.reject(new Error(`kiam dev: exit ${code}\n${written.stderr}`))),
  ]);
  return {
    firstPort: port,
    stdout: () => written.stdout,
    stderr: () => written.stderr,
    commands: () =>
      guideOf()
        .split("\n")
        .filter((line) => line.startsWith("  ")),
    emulator: () => /--endpoint-url (\S+)/.exec(guideOf())?.[1] ?? "none",
    get: (path, pod = 0, headers = {}) => fetch(`http://127.0.0.1:${port + pod}${path}`, { headers, keepalive: false }),
    end,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        await end("SIGKILL");
      }
    },
  };
}

/** Runs it to its end with nothing of this process's environment. */
export function runDev(kiam: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { exitCode, stdout, stderr } = Bun.spawnSync([kiam, "dev", ...args], { env, stdin: "ignore" });
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

/** The first of so many ports in a row that are free now, below those that the kernel gives to clients. */
export async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = randomInt(20_000, 32_000);
    const ports = Array.from({ length: count }, (_, index) => first + index);
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) {
      return first;
    }
  }
}

/** Whether somebody could listen there. */
export function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once("error", () => resolve(false));
  server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  return promise;
}
