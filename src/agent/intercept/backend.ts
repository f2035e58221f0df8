import { CommandMissing } from "../../runtime/command.ts";
import { reasonOf } from "../../runtime/logger.ts";
import { type PlacedRule, redirectHooks, rejectHooks, type Table } from "./hook.ts";
import { type Backend, InterceptError, type Iptables } from "./iptables.ts";
import { ownChain } from "./rules.ts";

/** What one back end holds that matters here. */
export interface BackendView {
  readonly iptables: Iptables;
  /** Whether it holds a chain by which the kubelet, or kube-proxy's wrapper, marks the one in use. */
  readonly marked: boolean;
  /** The rules of PREROUTING in the nat table; those of the filter table's chains only where the own chain is there. */
  readonly placed: readonly PlacedRule[];
}

/** Those that there are, nft before legacy. */
export type BackendViews = readonly [BackendView, ...(readonly BackendView[])];

/** https://github.com/kubernetes/enhancements/tree/master/keps/sig-network/3178-iptables-cleanup#iptables-wrapper */
const marks: readonly string[] = ["-N KUBE-IPTABLES-HINT", "-N KUBE-KUBELET-CANARY"];

/**
 * Looks into both. Legacy tables that are not loaded are not looked into, because that would load them. Rejects with
 * `CommandMissing` where a program is missing, and with {@link InterceptError} where neither back end works.
 * @param needed what legacy is to load where nft does not work
 */
export async function viewBackends(
  programs: Readonly<Record<Backend, Iptables>>,
  legacyTables: readonly string[],
  needed: Table,
  signal: AbortSignal,
): Promise<BackendViews> {
  const [nft, legacy] = await Promise.all([
    viewNft(programs.nft, signal),
    legacyTables.length === 0 ? undefined : viewLegacy(programs.legacy, legacyTables, signal),
  ]);
  if (nft instanceof InterceptError) {
    return [legacy ?? (await loadLegacy(programs.legacy, needed, nft, signal))];
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
    const [mangle, placed] = await Promise.all([
      iptables.list("mangle", signal),
      readPlaced(iptables, ["nat", "filter"], signal),
    ]);
    return { iptables, marked: isMarked(mangle), placed };
  } catch (error) {
    if (error instanceof InterceptError) {
      return error;
    }
    throw error;
  }
}

async function viewLegacy(iptables: Iptables, tables: readonly string[], signal: AbortSignal): Promise<BackendView> {
  const [mangle, placed] = await Promise.all([
    tables.includes("mangle") ? iptables.list("mangle", signal) : "",
    readPlaced(iptables, tables, signal),
  ]);
  return { iptables, marked: isMarked(mangle), placed };
}

async function readPlaced(
  iptables: Iptables,
  tables: readonly string[],
  signal: AbortSignal,
): Promise<readonly PlacedRule[]> {
  const [redirecting, rejecting] = await Promise.all([
    tables.includes("nat") ? iptables.placed(redirectHooks, signal) : [],
    tables.includes("filter") ? readRejecting(iptables, signal) : [],
  ]);
  return [...redirecting, ...rejecting];
}

/** Others' rules of the filter table may be thousands, and are nobody's left-overs. */
async function readRejecting(iptables: Iptables, signal: AbortSignal): Promise<readonly PlacedRule[]> {
  const chain = await iptables.chain("filter", ownChain, signal);
  return chain === undefined ? [] : await iptables.placed(rejectHooks, signal);
}

async function loadLegacy(
  iptables: Iptables,
  needed: Table,
  nftProblem: InterceptError,
  signal: AbortSignal,
): Promise<BackendView> {
  try {
    return await viewLegacy(iptables, [needed], signal);
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
