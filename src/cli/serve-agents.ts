import type { RpcServer } from "../rpc/listen.ts";
import { untilAborted } from "../runtime/abort.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Task } from "../runtime/tasks.ts";
import type { Probe } from "../telemetry/http.ts";
import type { TlsMaterial } from "../tls/material.ts";
import { isVouchedFor } from "../tls/vouch.ts";
import type { ServerParts } from "./server-parts.ts";
import type { TlsSource } from "./start-tls.ts";

export interface ServingDeps {
  readonly tls: TlsSource;
  readonly logger: Logger;
  /** All have to resolve before an agent is served. */
  readonly beforeServing: readonly Promise<void>[];
}

export interface Serving {
  readonly ready: Probe;
  /** Serves until aborted, then sends the agents to other replicas and ends what streams are left in order. */
  readonly run: Task;
}

/** Calls under way get this long at the end; agents' own patience with a call is less. */
const graceMs = 5_000;

/** From when the last agent is told to go: those with another server to go to have gone by then. */
const drainMs = 1_000;

export function serveAgents(parts: Pick<ServerParts, "listen">, deps: ServingDeps): Serving {
  const { tls, logger, beforeServing } = deps;
  let problem: string | undefined = "not in sync with the API server yet";

  /** Waits where there is no usable certificate yet. */
  async function material(signal: AbortSignal): Promise<TlsMaterial> {
    if (tls.current !== undefined) {
      return tls.current;
    }
    problem = "no usable certificate yet";
    const { promise, resolve } = Promise.withResolvers<TlsMaterial>();
    using _change = tls.changes.add(resolve);
    return await untilAborted(promise, signal);
  }

  async function serve(signal: AbortSignal): Promise<void> {
    await untilAborted(Promise.all(beforeServing), signal);
    const first = await material(signal);
    const server = await parts.listen(first);
    const replace = replaceTlsOf(server, first);
    using _change = tls.changes.add(replace);
    if (tls.current !== undefined && tls.current !== first) {
      replace(tls.current); // It has changed while the server came up.
    }
    problem = undefined;
    logger.info("serving agents", { port: server.port });
    try {
      await untilAborted(new Promise<never>(() => undefined), signal);
    } finally {
      problem = "stopping";
      await server.close(graceMs, drainMs);
    }
  }

  return {
    ready: () => problem,
    async run(signal) {
      try {
        await serve(signal);
      } catch (error) {
        if (!signal.aborted) {
          throw error;
        }
      }
    },
  };
}

/** Where the authorities are others, whom they no longer vouch for is cut off; the other connections stay. */
function replaceTlsOf(server: RpcServer, first: TlsMaterial): (next: TlsMaterial) => void {
  let { caFingerprint } = first;
  return (next) => {
    server.replaceTls(next);
    if (next.caFingerprint !== caFingerprint) {
      caFingerprint = next.caFingerprint;
      server.closeConnections((peer) => peer.raw === undefined || !isVouchedFor(peer.raw, next.ca));
    }
  };
}
