import { deadline, neverAborted } from "../../runtime/abort.ts";
import { CommandMissing } from "../../runtime/command.ts";
import { reasonOf } from "../../runtime/logger.ts";
import { cutConnections, requireConntrack } from "./conntrack.ts";
import { redirectHooks } from "./hook.ts";
import { formatInterface } from "./interface.ts";
import { createIptables, InterceptError, type Iptables } from "./iptables.ts";
import { loadedLegacyTables } from "./legacy-tables.ts";
import { findTakerElsewhere, type RedirectState, readStanding, stateIn } from "./look.ts";
import { type InterceptDeps, type Programs, putInPlace } from "./put-in-place.ts";
import { removeInput } from "./restore-input.ts";
import { isChainOf, isRedirectJump, type RedirectSpec } from "./rules.ts";
import { fateInWords, keptInWords, titleOf } from "./words.ts";

export interface RedirectOptions extends RedirectSpec {
  /** Keeping it fails closed: pods' calls lead to where no agent answers, never to the node's own credentials. */
  readonly atExit: "remove" | "keep";
}

/**
 * The redirect of pods' calls to the metadata service by one version of IP, or their rejection. Disposing it removes it,
 * unless it is to be kept; that does not throw.
 */
export interface Redirect extends AsyncDisposable {
  /** What logs call it. */
  readonly title: string;
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
 * Redirects or rejects pods' calls to the metadata service from now on, and cuts the connections to it that they already have. Takes
 * the place of what a crashed agent or the Go release left. Rejects with `CommandMissing` where iptables or conntrack is not
 * installed, and with `InterceptError`; then nothing is left behind, unless it is to be kept.
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
  await requireConntrack(deps.run, signal);
  await using undo = new AsyncDisposableStack();
  const redirect = undo.use(createRedirect(options, programs, await putInPlace(options, programs, deps, signal), deps));
  await redirect.cutEscaped(signal);
  undo.move();
  const from = formatInterface(options.pods);
  deps.logger.info(`calls to ${options.family.metadataAddress} from ${from} ${fateInWords(options)}`);
  return redirect;
}

function createRedirect(
  options: RedirectOptions,
  programs: Programs,
  first: readonly Iptables[],
  deps: InterceptDeps,
): Redirect {
  const { family } = options;
  const title = titleOf(options);
  let inPlace = first;

  async function cutEscaped(signal: AbortSignal): Promise<void> {
    const connections = await cutConnections(family, deps.run, signal);
    if (connections > 0) {
      deps.logger.info(`cut ${connections} connections to ${family.metadataAddress} that went past the redirect`);
    }
  }

  /** In the back ends in which nothing of the redirect stands. */
  async function takerElsewhere(signal: AbortSignal): Promise<string | undefined> {
    if (options.fate.kind === "reject") {
      return undefined;
    }
    const loaded = await loadedLegacyTables(family, deps.readText);
    const candidates = [programs.nft, ...(loaded.includes("nat") ? [programs.legacy] : [])];
    for (const iptables of candidates.filter((one) => !inPlace.includes(one))) {
      const taker = await takerIn(iptables, options, signal);
      if (taker !== undefined) {
        return taker;
      }
    }
    return undefined;
  }

  return {
    title,
    async check(signal) {
      let packets = 0;
      for (const iptables of inPlace) {
        const state = await stateIn(options, iptables, signal);
        if (state.kind !== "in-force") {
          return state;
        }
        packets += state.packets;
      }
      const by = await takerElsewhere(signal);
      return by === undefined ? { kind: "in-force", packets } : { kind: "shadowed", by };
    },
    async repair(signal) {
      inPlace = await putInPlace(options, programs, deps, signal);
      await cutEscaped(signal);
    },
    cutEscaped,
    async [Symbol.asyncDispose]() {
      if (options.atExit === "keep") {
        deps.logger.info(keptInWords(options));
        return;
      }
      using limit = deadline(removeWithinMs, deps.clock, neverAborted());
      for (const iptables of inPlace) {
        try {
          await removeFrom(iptables, options, limit.signal);
        } catch (error) {
          deps.logger.error(`cannot remove ${title}: ${reasonOf(error)}`);
        }
      }
    },
  };
}

/** A back end that does not work takes nothing. */
async function takerIn(iptables: Iptables, spec: RedirectSpec, signal: AbortSignal): Promise<string | undefined> {
  try {
    const placed = await iptables.placed(redirectHooks, signal);
    const taker = await findTakerElsewhere(spec, iptables, placed, signal);
    return taker === undefined ? undefined : `${taker} (${iptables.backend})`;
  } catch (error) {
    if (error instanceof InterceptError || error instanceof CommandMissing) {
      return undefined;
    }
    throw error;
  }
}

async function removeFrom(iptables: Iptables, spec: RedirectSpec, signal: AbortSignal): Promise<void> {
  const { placed, chain } = await readStanding(spec, iptables, signal);
  // Another agent's, which took the place of this one's: its pods are served by it.
  const jumps = isChainOf(chain, spec) ? placed.filter(({ rule }) => isRedirectJump(rule)) : [];
  if (jumps.length > 0) {
    await iptables.restore(removeInput(jumps), signal);
  }
}
