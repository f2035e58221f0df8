import { deadline, neverAborted, untilAborted } from "../runtime/abort.ts";
import type { Clock } from "../runtime/clock.ts";
import type { RunCommand } from "../runtime/command.ts";
import { reasonOf } from "../runtime/logger.ts";
import type { ExecCommand } from "./parse-kubeconfig.ts";
import { textAt, timeAt } from "./raw-json.ts";

/** Plugins may call a cloud's API; one that takes longer is stuck. */
const longestRunMs = 60_000;

/** A token is not shown in its last seconds, so that it does not expire on its way. */
const renewAheadMs = 10_000;

type ExecCredential =
  | { readonly kind: "credential"; readonly token?: string; readonly cert?: string; readonly key?: string }
  | { readonly kind: "unusable"; readonly problem: string };

/** A program that makes the credentials of a kubeconfig's user, and what it made while that is valid. */
export interface ExecPlugin {
  /** Runs the program only when nothing valid is held, and once for all who ask meanwhile. */
  credential(signal: AbortSignal): Promise<ExecCredential>;
  /** The next who asks has the program run again. */
  forget(): void;
}

export function createExecPlugin(
  command: ExecCommand,
  deps: { readonly run: RunCommand; readonly clock: Clock; readonly env: Readonly<Record<string, string>> },
): ExecPlugin {
  let held: { readonly credential: ExecCredential; readonly untilMs: number } | undefined;
  let running: Promise<ExecCredential> | undefined;

  async function make(): Promise<ExecCredential> {
    using limit = deadline(longestRunMs, deps.clock, neverAborted());
    const program = command.argv[0] ?? "";
    try {
      const env = { ...deps.env, ...command.env, KUBERNETES_EXEC_INFO: execInfo(command) };
      const { exitCode, stdout, stderr } = await deps.run(command.argv, { env }, limit.signal);
      if (exitCode !== 0) {
        return unusable(program, `exit code ${exitCode}: ${stderr.trim().split("\n")[0] ?? ""}`);
      }
      const { credential, untilMs } = parseCredential(program, stdout);
      held = credential.kind === "credential" ? { credential, untilMs } : undefined;
      return credential;
    } catch (error) {
      return unusable(program, reasonOf(error));
    } finally {
      running = undefined;
    }
  }

  return {
    async credential(signal) {
      if (held !== undefined && deps.clock.now() < held.untilMs) {
        return held.credential;
      }
      running ??= make();
      return await untilAborted(running, signal);
    },
    forget() {
      held = undefined;
    },
  };
}

function unusable(program: string, problem: string): ExecCredential {
  return { kind: "unusable", problem: `credential plugin ${program}: ${problem}` };
}

/** https://kubernetes.io/docs/reference/config-api/client-authentication.v1/#client-authentication-k8s-io-v1-ExecCredentialSpec */
function execInfo({ apiVersion, cluster }: ExecCommand): string {
  const spec = { interactive: false, ...(cluster === undefined ? {} : { cluster }) };
  return JSON.stringify({ apiVersion, kind: "ExecCredential", spec });
}

/** What a plugin wrote is never part of a problem: it may hold a secret. */
function parseCredential(program: string, stdout: string): { credential: ExecCredential; untilMs: number } {
  let raw: unknown;
  try {
    raw = JSON.parse(stdout);
  } catch {
    return { credential: unusable(program, "it did not write JSON"), untilMs: 0 };
  }
  const token = textAt(raw, "status", "token");
  const cert = textAt(raw, "status", "clientCertificateData");
  const key = textAt(raw, "status", "clientKeyData");
  if (token === "" && cert === "") {
    return { credential: unusable(program, "it gave neither a token nor a certificate"), untilMs: 0 };
  }
  const expiresAtMs = timeAt(raw, "status", "expirationTimestamp") ?? Number.POSITIVE_INFINITY;
  const credential: ExecCredential = {
    kind: "credential",
    ...(token === "" ? {} : { token }),
    ...(cert === "" ? {} : { cert }),
    ...(key === "" ? {} : { key }),
  };
  return { credential, untilMs: expiresAtMs - renewAheadMs };
}
