import { deadline, neverAborted } from "../../runtime/abort.ts";
import { reasonOf } from "../../runtime/logger.ts";
import { cutConnections, requireConntrack } from "./conntrack.ts";
import { formatInterface, interfaceWarning, parseInterfaceNames } from "./interface.ts";
import { createIptables, type Iptables } from "./iptables.ts";
import { type InterceptDeps, type Programs, putInPlace } from "./put-in-place.ts";
import {
  formatDestination,
  isChainOf,
  isJumpOf,
  isRedirectJump,
  type RedirectSpec,
  redirectChain,
  removeInput,
} from "./rules.ts";
import { findShadow } from "./shadow.ts";

export interface RedirectOptions extends RedirectSpec {
  /** Keeping it fails closed: pods' calls lead to where no agent answers, never to the node's own credentials. */
  readonly atExit: "remove" | "keep";
}

export type RedirectState =
  /** Packets counted since it was put in place or repaired: one for each connection. */
  | { readonly kind: "in-force"; readonly packets: number }
  | { readonly kind: "missing" }
  /** @property by the rule that takes pods' packets before it */
  | { readonly kind: "shadowed"; readonly by: string };

/** The redirect of pods' calls to the metadata service. Disposing it removes it, unless it is to be kept; that does not throw. */
export interface Redirect extends AsyncDisposable {
  /** Looks, changes nothing. Rejects with `InterceptError`. */
  check(signal: AbortSignal): Promise<RedirectState>;
  /** Puts it in place again, first, and cuts the connections made meanwhile. Rejects with `InterceptError`. */
  repair(signal: AbortSignal): Promise<void>;
  /**
   * Cuts connections that go past the redirect. One whose answer was under way when it was put in place escapes the first
   * time, so it is to be done again some seconds later. Rejects with `InterceptError`.
   */
  cutEscaped(signal: AbortSignal): Promise<void>;
}

/** How long the removal may take at exit: the wait for the lock, and half again. */
const removeWithinMs = 15_000;

/**
 * Redirects pods' calls to the metadata service from now on, and cuts the connections to it that they already have. Takes the place
 * of what a crashed agent or the Go release left. Rejects with `CommandMissing` where iptables or conntrack is not installed, and
 * with `InterceptError`; then nothing is left behind, unless it is to be kept.
 */
export async function installRedirect(
  options: RedirectOptions,
  deps: InterceptDeps,
  signal: AbortSignal,
): Promise<Redirect> {
  const programs: Programs = {
    nft: createIptables("nft", options.family, deps.run),
    legacy: createIptables("legacy", options.family, deps.run),
  };
  const [names] = await Promise.all([deps.readText("/proc/net/dev"), requireConntrack(deps.run, signal)]);
  const warning = interfaceWarning(options.pods, parseInterfaceNames(names));
  if (warning !== undefined) {
    deps.logger.warn(warning);
  }

  await using undo = new AsyncDisposableStack();
  const redirect = undo.use(createRedirect(options, programs, await putInPlace(options, programs, deps, signal), deps));
  await redirect.cutEscaped(signal);
  undo.move();
  deps.logger.info(
    `calls to ${options.family.metadataAddress} from ${formatInterface(options.pods)} lead to ${formatDestination(options)}`,
  );
  return redirect;
}

function createRedirect(options: RedirectOptions, programs: Programs, first: Iptables, deps: InterceptDeps): Redirect {
  let current = first;

  async function look(signal: AbortSignal) {
    const [prerouting, chain = []] = await Promise.all([
      current.prerouting(signal),
      current.chain(redirectChain, signal),
    ]);
    return { prerouting, chain };
  }

  async function cutEscaped(signal: AbortSignal): Promise<void> {
    const address = options.family.metadataAddress;
    const connections = await cutConnections(options.family, deps.run, signal);
    if (connections > 0) {
      deps.logger.info(`cut ${connections} connections to ${address} that went past the redirect`);
    }
  }

  return {
    async check(signal) {
      const { prerouting, chain } = await look(signal);
      const at = prerouting.findIndex((rule) => isJumpOf(rule, options));
      if (at === -1 || !isChainOf(chain, options)) {
        return { kind: "missing" };
      }
      const by = await findShadow(prerouting.slice(0, at), {
        family: options.family,
        pods: options.pods,
        readChain: async (name) => (await current.chain(name, signal)) ?? [],
      });
      return by === undefined ? { kind: "in-force", packets: chain[0]?.packets ?? 0 } : { kind: "shadowed", by };
    },
    async repair(signal) {
      current = await putInPlace(options, programs, deps, signal);
      await cutEscaped(signal);
    },
    cutEscaped,
    async [Symbol.asyncDispose]() {
      if (options.atExit === "keep") {
        deps.logger.info("the redirect stays in place: pods get no credentials until an agent is back");
        return;
      }
      using limit = deadline(removeWithinMs, deps.clock, neverAborted());
      try {
        const { prerouting, chain } = await look(limit.signal);
        // Another agent's, which took the place of this one's: its pods are served by it.
        const jumps = isChainOf(chain, options) ? prerouting.filter(isRedirectJump) : [];
        if (jumps.length > 0) {
          await current.restore(removeInput(jumps), limit.signal);
        }
      } catch (error) {
        deps.logger.error(`cannot remove the redirect: ${reasonOf(error)}`);
      }
    },
  };
}
