import { ConnectError, createClient } from "@connectrpc/connect";
import { connectRpc } from "../rpc/connect.ts";
import { KiamService } from "../rpc/gen/kiam/kiam_pb.ts";
import type { TlsIdentity } from "../rpc/tls-options.ts";
import type { Clock } from "../runtime/clock.ts";
import { readTlsMaterial } from "../tls/material.ts";
import { describeTlsProblem } from "../tls/problem.ts";
import type { HostPort } from "./address-kinds.ts";
import { type ClientFlags, type ClientTimings, clientTimingsOf } from "./client-timings.ts";
import type { AskHealth, HealthAnswer } from "./health-check.ts";
import type { HealthFlags } from "./health-flags.ts";

export type HealthAsker =
  | { readonly kind: "asker"; readonly ask: AskHealth }
  /** One line: the files can't be used. */
  | { readonly kind: "problem"; readonly problem: string };

export interface HealthAskerDeps {
  readonly clock: Clock;
  /** Every address of a host's name. */
  readonly resolve: (host: string) => Promise<readonly string[]>;
}

type AskedFlags = Pick<HealthFlags, "certPath" | "keyPath" | "caPath" | "serverAddress"> & ClientFlags;

/** Asks the server that the flags name over mutual TLS. */
export async function openHealthAsker(flags: AskedFlags, deps: HealthAskerDeps): Promise<HealthAsker> {
  const files = { cert: flags.certPath, key: flags.keyPath, ca: flags.caPath };
  const reading = await readTlsMaterial(files, deps.clock.now(), "client");
  return reading.kind === "unusable"
    ? { kind: "problem", problem: describeTlsProblem(reading.problem) }
    : { kind: "asker", ask: askerOf(flags.serverAddress, clientTimingsOf(flags), reading.material, deps) };
}

function askerOf(
  { host, port }: HostPort,
  timings: ClientTimings,
  tls: TlsIdentity,
  { clock, resolve }: HealthAskerDeps,
): AskHealth {
  async function askAt(address: string, signal: AbortSignal): Promise<HealthAnswer> {
    try {
      using connection = connectRpc({ address, port, serverName: host }, { ...timings, tls, interceptors: [], clock });
      const { message } = await createClient(KiamService, connection.transport).getHealth({}, { signal });
      return { kind: "ok", message };
    } catch (error) {
      signal.throwIfAborted();
      return { kind: "failed", reason: ConnectError.from(error).rawMessage };
    }
  }

  /** At the name's addresses in turn, because `localhost` has two and a server listens on one of them. */
  return async (signal) => {
    let answer: HealthAnswer = { kind: "failed", reason: `${host} has no address` };
    // A name that does not resolve may a moment later.
    for (const address of await resolve(host).catch(() => [])) {
      answer = await askAt(address, signal);
      if (answer.kind === "ok") {
        return answer;
      }
    }
    return answer;
  };
}
