import { isIPv4, isIPv6 } from "node:net";
import type { IpAddress } from "../../domain/ip-address.ts";
import { type Family, ipv4, ipv6 } from "./family.ts";
import { type InterfacePattern, interfaceWarning, parseInterfaceNames } from "./interface.ts";
import type { InterceptDeps } from "./put-in-place.ts";
import { installRedirect, type Redirect, type RedirectOptions } from "./redirect.ts";
import type { Fate } from "./rules.ts";

export interface InterceptOptions extends Pick<RedirectOptions, "atExit"> {
  readonly pods: InterfacePattern;
  /** The node's own addresses, one of a version of IP at most. */
  readonly hosts: readonly IpAddress[];
  readonly port: number;
}

/** What is done about each version of IP. Disposing it undoes all of it, unless it is to be kept; that does not throw. */
export interface Interception extends AsyncDisposable {
  readonly redirects: readonly Redirect[];
}

/** The kernel has this file where it knows IPv6 at all. */
const ipv6File = "/proc/net/if_inet6";

/**
 * Leads pods' calls to the metadata service to the host's address of the same version of IP, and rejects those for which
 * there is none: what is not redirected would reach the node's own credentials. Rejects as `installRedirect` does; then nothing
 * is left behind, unless it is to be kept.
 */
export async function interceptCalls(
  { pods, hosts, port, atExit }: InterceptOptions,
  deps: InterceptDeps,
  signal: AbortSignal,
): Promise<Interception> {
  const hasIpv6 = await exists(ipv6File, deps);
  const plans: readonly (readonly [Family, IpAddress | undefined])[] = [
    [ipv4, hosts.find(isIPv4)],
    ...(hasIpv6 ? [[ipv6, hosts.find(isIPv6)] as const] : []),
  ];

  await using undo = new AsyncDisposableStack();
  const redirects: Redirect[] = [];
  for (const [family, host] of plans) {
    const fate: Fate = host === undefined ? { kind: "reject" } : { kind: "redirect", host, port };
    redirects.push(undo.use(await installRedirect({ family, pods, fate, atExit }, deps, signal)));
  }
  const warning = interfaceWarning(pods, parseInterfaceNames(await deps.readText("/proc/net/dev")));
  if (warning !== undefined) {
    deps.logger.warn(warning);
  }
  undo.move();
  return {
    redirects,
    async [Symbol.asyncDispose]() {
      // Beside each other: each may wait for the lock, and who stops an agent has little patience.
      await Promise.all(redirects.map((redirect) => redirect[Symbol.asyncDispose]()));
    },
  };
}

async function exists(path: string, { readText, logger }: InterceptDeps): Promise<boolean> {
  try {
    await readText(path);
    return true;
  } catch {
    logger.debug("the kernel has no IPv6: nothing of it is intercepted");
    return false;
  }
}
