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

/** Both back ends; one that the kernel does not have, or holds nothing in, is `undefined`. */
export interface BackendViews {
  readonly nft: BackendView | undefined;
  readonly legacy: BackendView | undefined;
}

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
    return { nft: undefined, legacy: legacy ?? (await loadLegacy(programs.legacy, nft, signal)) };
  }
  return { nft, legacy };
}

/** The one that is marked, else the one with more rules, else nft. */
export async function chooseBackend({ nft, legacy }: BackendViews, signal: AbortSignal): Promise<BackendView> {
  if (nft === undefined || legacy === undefined) {
    return nft ?? legacy ?? nothingToChoose();
  }
  if (nft.marked || legacy.marked) {
    return nft.marked ? nft : legacy;
  }
  const [nftRules, legacyRules] = await Promise.all([
    nft.iptables.countRules(signal),
    legacy.iptables.countRules(signal),
  ]);
  return legacyRules > nftRules ? legacy : nft;
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

function nothingToChoose(): never {
  throw new InterceptError("neither back end of iptables can be used");
}
