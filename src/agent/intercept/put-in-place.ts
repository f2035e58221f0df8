import type { Clock } from "../../runtime/clock.ts";
import type { RunCommand } from "../../runtime/command.ts";
import type { Logger } from "../../runtime/logger.ts";
import { type BackendView, chooseBackend, viewBackends } from "./backend.ts";
import { type Backend, InterceptError, type Iptables } from "./iptables.ts";
import { findLeftovers } from "./leftovers.ts";
import type { Rule } from "./rule.ts";
import { installInput, type RedirectSpec, removeInput } from "./rules.ts";

export interface InterceptDeps {
  readonly run: RunCommand;
  /** Reads a file of /proc. */
  readonly readText: (path: string) => Promise<string>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export type Programs = Readonly<Record<Backend, Iptables>>;

/**
 * Makes the redirect the first rule of the back end in use, whatever is there, and answers with that back end. Left-overs
 * go in the same commit; those in the other back end go after it, so that at no time nothing redirects.
 */
export async function putInPlace(
  spec: RedirectSpec,
  programs: Programs,
  deps: InterceptDeps,
  signal: AbortSignal,
): Promise<Iptables> {
  try {
    return await attempt(spec, programs, deps, signal);
  } catch (error) {
    if (!(error instanceof InterceptError)) {
      throw error;
    }
    // Somebody may have removed a left-over between our look and our commit, which names it: look once more.
    deps.logger.debug(`second attempt at the redirect: ${error.message}`);
    return await attempt(spec, programs, deps, signal);
  }
}

async function attempt(
  spec: RedirectSpec,
  programs: Programs,
  deps: InterceptDeps,
  signal: AbortSignal,
): Promise<Iptables> {
  const views = await viewBackends(programs, await loadedTables(spec, deps), signal);
  const chosen = await chooseBackend(views, signal);
  const leftovers = leftoversOf(chosen, spec, deps);
  await chosen.iptables.restore(installInput(spec, leftovers), signal);
  for (const view of views.filter((one) => one !== chosen)) {
    const elsewhere = leftoversOf(view, spec, deps);
    if (elsewhere.length > 0) {
      await view.iptables.restore(removeInput(elsewhere), signal);
    }
  }
  return chosen.iptables;
}

function leftoversOf(view: BackendView, spec: RedirectSpec, deps: InterceptDeps): readonly Rule[] {
  const leftovers = findLeftovers(view.prerouting, spec.family);
  for (const { text } of leftovers) {
    deps.logger.info(`taking the place of the ${view.iptables.backend} rule PREROUTING ${text}`);
  }
  return leftovers;
}

async function loadedTables({ family }: RedirectSpec, deps: InterceptDeps): Promise<readonly string[]> {
  try {
    return (await deps.readText(family.legacyTablesFile)).split("\n").filter((name) => name !== "");
  } catch {
    // The kernel was built without them.
    return [];
  }
}
