import { isIPv6 } from "node:net";
import { formatHostPort } from "../../domain/host-port.ts";
import type { Clock } from "../../runtime/clock.ts";
import { reasonOf } from "../../runtime/logger.ts";
import type { Callers } from "./callers.ts";
import { trackConnections } from "./connections.ts";
import { createHandle, type HandleOptions } from "./handle.ts";
import { type Listener, listen } from "./listener.ts";
import { watchUnclaimedAddresses } from "./unclaimed-addresses.ts";

export interface MetadataOptions extends HandleOptions {
  /** The addresses to listen on, loopback besides; empty for all addresses. */
  readonly hosts: readonly string[];
  /** 0 takes a free one. */
  readonly port: number;
  readonly callers: Callers;
}

/** Dispose it to stop answering: requests under way have two seconds. */
export interface MetadataServer extends AsyncDisposable {
  readonly port: number;
}

export class MetadataListenError extends Error {
  override readonly name = "MetadataListenError";
}

const graceMs = 2_000;

/** Answers pods as the metadata service would. @throws MetadataListenError where an address can't be listened on */
export async function serveMetadata(options: MetadataOptions): Promise<MetadataServer> {
  const { store, metrics, log, clock, randomBytes } = options;
  await using resources = new AsyncDisposableStack();
  const connections = resources.use(trackConnections({ store, metrics }));
  const unclaimed = resources.use(watchUnclaimedAddresses({ store, clock, randomBytes }));
  const handle = createHandle(options, unclaimed);

  const listeners: Listener[] = [];
  resources.defer(() => closeAll(listeners, clock));
  let { port } = options;
  for (const host of hostsOf(options)) {
    const listener = await listenOn(host, port, () =>
      listen({ host, port, callers: options.callers, connections, handle, log }),
    );
    listeners.push(listener);
    port = listener.port;
  }

  const undo = resources.move();
  return { port, [Symbol.asyncDispose]: () => undo.disposeAsync() };
}

/** With loopback for the node's own probes; of several on a free port the first chooses it. */
function hostsOf({ hosts }: MetadataOptions): readonly (string | undefined)[] {
  const loopback = [hosts.some((host) => !isIPv6(host)) ? ["127.0.0.1"] : [], hosts.some(isIPv6) ? ["::1"] : []].flat();
  return hosts.length === 0 ? [undefined] : [...new Set([...hosts, ...loopback])];
}

/** A loopback address that an agent on these hosts listens on. */
export function loopbackOf(hosts: readonly string[]): string {
  return hosts.length > 0 && hosts.every(isIPv6) ? "::1" : "127.0.0.1";
}

async function listenOn(host: string | undefined, port: number, start: () => Promise<Listener>): Promise<Listener> {
  try {
    return await start();
  } catch (error) {
    const place = host === undefined ? `port ${port} of all addresses` : formatHostPort(host, port);
    throw new MetadataListenError(`can't listen on ${place}: ${problemOf(error)}`, { cause: error });
  }
}

function problemOf(error: unknown): string {
  switch (error instanceof Error && "code" in error ? error.code : undefined) {
    case "EADDRINUSE":
      return "address in use";
    case "EADDRNOTAVAIL":
      return "this machine does not have that address";
    case "EACCES":
      return "not permitted";
    default:
      return reasonOf(error);
  }
}

async function closeAll(listeners: readonly Listener[], clock: Clock): Promise<void> {
  using _force = clock.after(graceMs, () => {
    for (const listener of listeners) {
      listener.closeNow();
    }
  });
  await Promise.all(listeners.map((listener) => listener.close()));
}
