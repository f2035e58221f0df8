import { CommandMissing } from "../../runtime/command.ts";
import { reasonOf } from "../../runtime/logger.ts";
import { type Backend, InterceptError, type Iptables } from "./iptables.ts";
import type { Rule } from "./rule.ts";

/** What one back end holds that matters here. */
export interface BackendView {
  readonly iptables: Iptables;
  /** Whether it holds a chain by which the kubelet, or kube-proxy's wrapper, marks the one in use. */
  readonly marked: boolean;
  /** The rules of PREROUTING in the nat table. */
  readonly prerouting: readonly Rule[];
}

/** Those that there are, nft before legacy. */
export type BackendViews = readonly [BackendView, ...(readonly BackendView[])];

/** https://github.com/kubernetes/enhancements/tree/master/keps/sig-network/3178-iptables-cleanup#iptables-wrapper */
const marks: readonly string[] = ["-N KUBE-IPTABLES-HINT", "-N KUBE-KUBELET-CANARY"];

/**
 * Looks into both. Legacy tables that are not loaded are not looked into, because that would load them. Rejects with
 * `CommandMissing` where a program is missing, and with {@link InterceptError} where neither back end works.
 */
export async function viewBackends(
  programs: Readonly<Record<Backend, Iptables>>,
  legacyTables: readonly string[],
  signal: AbortSignal,
): Promise<BackendViews> {
  const [nft, legacy] = await Promise.all([
    viewNft(programs.nft, signal),
    legacyTables.length === 0 ? undefined : viewLegacy(programs.legacy, legacyTables, signal),
  ]);
  if (nft instanceof InterceptError) {
    return [legacy ?? (await loadLegacy(programs.legacy, nft, signal))];
  }
  return legacy === undefined ? [nft] : [nft, legacy];
}

/** The one that is marked, else the one with more rules, else the first. */
export async function chooseBackend(views: BackendViews, signal: AbortSignal): Promise<BackendView> {
  const [first, second] = views;
  const marked = views.find((view) => view.marked);
  if (marked !== undefined || second === undefined) {
    return marked ?? first;
  }
  const [firstRules, secondRules] = await Promise.all([
    first.iptables.countRules(signal),
    second.iptables.countRules(signal),
  ]);
  return secondRules > firstRules ? second : first;
}

/** A kernel without nf_tables, or a nat table that only the nft program can read, is a reason to look at legacy. */
async function viewNft(iptables: Iptables, signal: AbortSignal): Promise<BackendView | InterceptError> {
  try {
    const [mangle, prerouting] = await Promise.all([iptables.list("mangle", signal), iptables.prerouting(signal)]);
    return { iptables, marked: isMarked(mangle), prerouting };
  } catch (error) {
    if (error instanceof InterceptError) {
      return error;
    }
    throw error;
  }
}

async function viewLegacy(iptables: Iptables, tables: readonly string[], signal: AbortSignal): Promise<BackendView> {
  const [mangle, prerouting] = await Promise.all([
    tables.includes("mangle") ? iptables.list("mangle", signal) : "",
    tables.includes("nat") ? iptables.prerouting(signal) : [],
  ]);
  return { iptables, marked: isMarked(mangle), prerouting };
}

async function loadLegacy(iptables: Iptables, nftProblem: InterceptError, signal: AbortSignal): Promise<BackendView> {
  try {
    return await viewLegacy(iptables, ["nat"], signal);
  } catch (error) {
    if (error instanceof InterceptError || error instanceof CommandMissing) {
      throw new InterceptError(`${nftProblem.message}; nor does the other back end work: ${reasonOf(error)}`, {
        cause: error,
      });
    }
    throw error;
  }
}

function isMarked(mangle: string): boolean {
  return mangle.split("\n").some((line) => marks.includes(line.trim()));
}
