import { inNamespace, type RunOptions } from "./command.ts";
import { searchPath } from "./tools.ts";

/** A program that goes on running in a namespace of the lab. Disposing it ends it. */
export interface LabProcess extends AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  /** Its exit code, 128 and the signal's number if one ended it. */
  readonly exited: Promise<number>;
  /** What it has written so far, standard output and error in the order they came. */
  output(): string;
  /** Sends a signal (SIGTERM unless told) and gives the exit code; after 20 s it is killed and this throws. */
  stop(signal?: NodeJS.Signals): Promise<number>;
  /** Resolves with the first match of `pattern` in all that it wrote and will write. Throws when it exits, or after `timeoutMs` (20 s). */
  waitForLog(pattern: RegExp, timeoutMs?: number): Promise<RegExpMatchArray>;
}

const stopWithinMs = 20_000;

export type ProcessOptions = Pick<RunOptions, "env"> & { readonly disposeSignal?: NodeJS.Signals };

/** Starts a program in a network namespace. Its environment is `options.env` and PATH, nothing else. */
export function startProcess(
  name: string,
  netns: string,
  argv: readonly string[],
  options: ProcessOptions = {},
): LabProcess {
  return startProgram(name, inNamespace(netns, argv), options);
}

/** {@link startProcess}, in whatever namespaces `argv` itself takes it to. */
export function startProgram(name: string, argv: readonly string[], options: ProcessOptions = {}): LabProcess {
  const child = Bun.spawn([...argv], {
    env: { PATH: searchPath, ...options.env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let output = "";
  let news = Promise.withResolvers<void>();
  const follow = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      output += decoder.decode(chunk, { stream: true });
      news.resolve();
      news = Promise.withResolvers();
    }
  };
  const drained = Promise.all([follow(child.stdout), follow(child.stderr), child.exited]);

  const stop = async (signal: NodeJS.Signals = "SIGTERM") => {
    child.kill(signal);
    if ((await within(stopWithinMs, child.exited)) === "late") {
      child.kill("SIGKILL");
      throw new Error(`${name} did not exit within ${stopWithinMs} ms of ${signal}:\n${tail(output)}`);
    }
    await drained;
    return child.exited;
  };

  const waitForLog = async (pattern: RegExp, timeoutMs = 20_000) => {
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      const match = output.match(pattern);
      if (match !== null) {
        return match;
      }
      const ended = child.exitCode !== null || child.signalCode !== null;
      const leftMs = deadlineMs - performance.now();
      if (ended || leftMs <= 0) {
        throw new Error(
          `${name} ${ended ? "exited" : `did not within ${timeoutMs} ms`}: no ${pattern} in\n${tail(output)}`,
        );
      }
      await within(leftMs, Promise.race([news.promise, drained]));
    }
  };

  return {
    name,
    pid: child.pid,
    exited: child.exited,
    output: () => output,
    stop,
    waitForLog,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        await stop(options.disposeSignal);
      }
    },
  };
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T | "late"> {
  const { promise: late, resolve } = Promise.withResolvers<"late">();
  const timer = setTimeout(resolve, ms, "late" as const);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

const tail = (text: string) => text.slice(-4000);
