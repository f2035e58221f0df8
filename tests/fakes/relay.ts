import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** The network before one listener: what a test may do to it. */
export interface Relay extends AsyncDisposable {
  readonly port: number;
  /** Connections that stand. */
  readonly connections: number;
  /** All connections are lost at once and none is taken any more, as when the machine behind it dies. */
  cut(): Promise<void>;
  /** Connections are taken again. */
  mend(): Promise<void>;
  /** From now on the connections that stand carry nothing towards those who opened them, as to one that has stopped reading. */
  stall(): void;
  /** They carry it again, and what waited too. */
  resume(): void;
}

interface Link {
  readonly near: Socket;
  readonly far: Socket;
}

export interface RelayOptions {
  /** Where it listens; port 0 takes a free one. */
  readonly address: string;
  readonly port: number;
  /** Where connections go on to; read for each. */
  readonly target: () => { readonly host: string; readonly port: number };
}

/** Carries bytes both ways, TLS unbroken. */
export async function createRelay({ address, port, target }: RelayOptions): Promise<Relay> {
  const links = new Set<Link>();
  let server = await listenAt(address, port, link);
  const taken = (server.address() as AddressInfo).port;

  function link(near: Socket): void {
    const far = connect(target());
    const made = { near, far };
    links.add(made);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on("error", () => undefined);
      one.once("close", () => {
        other.destroySoon(); // What it was given is on its way still.
        links.delete(made);
      });
      one.pipe(other);
    }
  }

  async function cut(): Promise<void> {
    for (const { near, far } of links) {
      near.destroy();
      far.destroy();
    }
    await new Promise((resolve) => server.close(resolve));
  }

  return {
    port: taken,
    get connections() {
      return links.size;
    },
    cut,
    async mend() {
      server = await listenAt(address, taken, link);
    },
    stall() {
      for (const { near, far } of links) {
        far.unpipe(near);
        far.pause();
      }
    },
    resume() {
      for (const { near, far } of links) {
        far.pipe(near);
      }
    },
    async [Symbol.asyncDispose]() {
      if (server.listening) {
        await cut();
      }
    },
  };
}

async function listenAt(address: string, port: number, onConnection: (socket: Socket) => void): Promise<Server> {
  const server = createServer(onConnection);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ host: address, port }, resolve);
  await promise;
  return server;
}
