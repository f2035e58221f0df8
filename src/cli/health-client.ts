import { lookup } from "node:dns/promises";
import { createClient } from "@connectrpc/connect";
import { connectRpc } from "../rpc/connect.ts";
import { KiamService } from "../rpc/gen/kiam/kiam_pb.ts";
import { reasonOf } from "../runtime/logger.ts";
import { readTlsMaterial } from "../tls/material.ts";
import { describeTlsProblem } from "../tls/problem.ts";
import type { AskHealth } from "./health-check.ts";
import type { HealthFlags } from "./health-flags.ts";
import type { CommandIo } from "./io.ts";

export type HealthAsker =
  | { readonly kind: "asker"; readonly ask: AskHealth }
  /** One line: the files can't be used. */
  | { readonly kind: "problem"; readonly problem: string };

/** A probe's patience is short, and a server that is well answers in milliseconds. */
const connectTimeoutMs = 1_000;
const pingIntervalMs = 10_000;
const pingTimeoutMs = 2_000;

/** Asks the server that the flags name over mutual TLS. */
export async function openHealthAsker(flags: HealthFlags, io: CommandIo): Promise<HealthAsker> {
  const files = { cert: flags.certPath, key: flags.keyPath, ca: flags.caPath };
  const reading = await readTlsMaterial(files, io.clock.now(), "client");
  if (reading.kind === "unusable") {
    return { kind: "problem", problem: describeTlsProblem(reading.problem) };
  }
  const { host, port } = flags.serverAddress;
  const ask: AskHealth = async (signal) => {
    try {
      const { address } = await lookup(host);
      using connection = connectRpc(
        { address, port, serverName: host },
        {
          ...{ tls: reading.material, interceptors: [], clock: io.clock },
          ...{ connectTimeoutMs, pingIntervalMs, pingTimeoutMs, pingIdle: false },
        },
      );
      const { message } = await createClient(KiamService, connection.transport).getHealth({}, { signal });
      return { kind: "ok", message };
    } catch (error) {
      signal.throwIfAborted();
      return { kind: "failed", reason: reasonOf(error) };
    }
  };
  return { kind: "asker", ask };
}
