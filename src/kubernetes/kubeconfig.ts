import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Egress } from "../domain/egress.ts";
import { neverAborted } from "../runtime/abort.ts";
import type { Clock } from "../runtime/clock.ts";
import type { RunCommand } from "../runtime/command.ts";
import { reasonOf } from "../runtime/logger.ts";
import { problemOfTls } from "./check-tls.ts";
import type { ApiAccess, ApiConnection, ConnectionResult } from "./connection.ts";
import { createExecPlugin, type ExecPlugin } from "./exec-plugin.ts";
import { type KubeconfigContext, parseKubeconfig } from "./parse-kubeconfig.ts";
import { readSource } from "./text-source.ts";

export interface KubeconfigDependencies {
  /** Runs credential plugins. */
  readonly run: RunCommand;
  readonly clock: Clock;
  /** The environment that plugins get, besides what the kubeconfig adds. */
  readonly env: Readonly<Record<string, string>>;
  readonly egress: Egress;
}

/**
 * The API server that a kubeconfig's current context names. What it says is checked, files that it names included, so that
 * a mistake is one line at start; a plugin is first run for the first request.
 */
export async function kubeconfigConnection(path: string, deps: KubeconfigDependencies): Promise<ConnectionResult> {
  try {
    const context = parseKubeconfig(await readFile(path, "utf8"), dirname(path));
    const filesOnly = await accessOf(context, { plugin: undefined, roots: undefined }, neverAborted());
    return filesOnly.kind === "unusable"
      ? { kind: "unusable", problem: `kubeconfig ${path}: ${filesOnly.problem}` }
      : { kind: "connection", connection: connectionOf(context, deps) };
  } catch (error) {
    return { kind: "unusable", problem: `kubeconfig ${path}: ${reasonOf(error)}` };
  }
}

function connectionOf(context: KubeconfigContext, deps: KubeconfigDependencies): ApiConnection {
  const plugin = context.exec === undefined ? undefined : createExecPlugin(context.exec, deps);
  const { proxyFor, roots } = deps.egress;
  // The kubeconfig's own proxy is used whatever NO_PROXY says, as by client-go.
  const proxyUrl = context.proxyUrl || proxyFor(context.server);
  return {
    baseUrl: context.server,
    ...(proxyUrl === undefined ? {} : { proxyUrl }),
    ...(context.namespace === "" ? {} : { namespace: context.namespace }),
    access: (signal) => accessOf(context, { plugin, roots }, signal),
    refused: () => plugin?.forget(),
  };
}

/** A plugin's token and certificate go before the kubeconfig's own, as in client-go. */
async function accessOf(
  context: KubeconfigContext,
  { plugin, roots }: { readonly plugin: ExecPlugin | undefined; readonly roots: string | undefined },
  signal: AbortSignal,
): Promise<ApiAccess> {
  const made = await plugin?.credential(signal);
  if (made?.kind === "unusable") {
    return made;
  }
  try {
    const [ca, ownCert, ownKey, ownToken] = await Promise.all(
      [context.ca, context.cert, context.key, context.token].map(readSource),
    );
    const cert = made?.cert ?? ownCert;
    const key = made?.key ?? ownKey;
    const token = made?.token ?? ownToken?.trim();
    const tls = {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(context.serverName === "" ? {} : { serverName: context.serverName }),
      rejectUnauthorized: !context.isTlsUnverified,
    };
    const problem = token === "" ? "the token is empty" : problemOfTls(tls);
    if (problem !== undefined) {
      return { kind: "unusable", problem };
    }
    const trust = ca === undefined && roots !== undefined ? { ca: roots } : {};
    return {
      kind: "access",
      tls: { ...tls, ...trust },
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
  } catch (error) {
    return { kind: "unusable", problem: reasonOf(error) };
  }
}
