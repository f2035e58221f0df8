import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { inNamespace } from "./command.ts";
import { searchPath, tools } from "./tools.ts";

/** The way from the test's own namespace to what listens in one of the lab's. */
export interface Reach extends AsyncDisposable {
  fetch(url: string, init?: BunFetchRequestInit): Promise<Response>;
}

interface Relay {
  /** Leads connections made to a Unix socket on to a TCP address; resolves when the socket listens. */
  lead(socket: string, host: string, port: string): Promise<void>;
  stop(): Promise<void>;
}

/** The relay inside starts with the first request. @param directory for its sockets, short: a socket's path has 107 bytes */
export function createReach(netns: string, directory: string): Reach {
  let relay: Promise<Relay> | undefined;
  const sockets = new Map<string, Promise<string>>();

  const listen = async (host: string, port: string) => {
    relay ??= startRelay(netns, directory);
    const socket = join(directory, `${host}-${port}`);
    await (await relay).lead(socket, host, port);
    return socket;
  };

  return {
    async fetch(url, init = {}) {
      const { protocol, hostname, port } = new URL(url);
      const number = port || (protocol === "https:" ? "443" : "80");
      const key = `${hostname}:${number}`;
      const socket = sockets.get(key) ?? listen(hostname.replace(/^\[|\]$/g, ""), number);
      sockets.set(key, socket);
      // A pooled connection would be found again by host and port alone, whichever namespace it led to.
      return fetch(url, { signal: AbortSignal.timeout(30_000), ...init, unix: await socket, keepalive: false });
    },
    async [Symbol.asyncDispose]() {
      await (await relay)?.stop();
    },
  };
}

async function startRelay(netns: string, directory: string): Promise<Relay> {
  await mkdir(directory, { recursive: true });
  const program = new URL("./relay.ts", import.meta.url).pathname;
  const child = Bun.spawn([...inNamespace(netns, [tools.bun(), program])], {
    env: { PATH: searchPath },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const answers = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let turn = Promise.resolve();
  return {
    lead(socket, host, port) {
      turn = turn.then(async () => {
        child.stdin.write(`${socket} ${host} ${port}\n`);
        await child.stdin.flush();
        const { done } = await answers.read();
        if (done) {
          throw new Error(`the relay in ${netns} has ended`);
        }
      });
      return turn;
    },
    async stop() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}
