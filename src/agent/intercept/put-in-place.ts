import type { Clock } from "../../runtime/clock.ts";
import type { RunCommand } from "../../runtime/command.ts";
import type { Logger } from "../../runtime/logger.ts";
import { type BackendView, chooseBackend, viewBackends } from "./backend.ts";
import { describe, type PlacedRule } from "./hook.ts";
import { type Backend, InterceptError, type Iptables } from "./iptables.ts";
import { findLeftovers } from "./leftovers.ts";
import { loadedLegacyTables } from "./legacy-tables.ts";
import { findTakerElsewhere } from "./look.ts";
import { installInput, removeInput } from "./restore-input.ts";
import { type RedirectSpec, tableOf } from "./rules.ts";

export interface InterceptDeps {
  readonly run: RunCommand;
  /** Reads a file of /proc. */
  readonly readText: (path: string) => Promise<string>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export type Programs = Readonly<Record<Backend, Iptables>>;

/**
 * Makes the redirect the first rule of the back end in use, whatever is there, and of the other one too where somebody's rule
 * there would lead pods' calls elsewhere. Answers with those in which it stands. Left-overs go in the same commit; those in
 * the other back end go after it, so that at no time nothing redirects.
 */
export async function putInPlace(
  spec: RedirectSpec,
  programs: Programs,
  deps: InterceptDeps,
  signal: AbortSignal,
): Promise<readonly Iptables[]> {
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
): Promise<readonly Iptables[]> {
  const loaded = await loadedLegacyTables(spec.family, deps.readText);
  const views = await viewBackends(programs, loaded, tableOf(spec), signal);
  const chosen = await chooseBackend(views, signal);
  await chosen.iptables.restore(installInput(spec, leftoversOf(chosen, spec, deps)), signal);
  const inPlace = [chosen.iptables];
  for (const view of views.filter((one) => one !== chosen)) {
    const elsewhere = leftoversOf(view, spec, deps);
    const remaining = view.placed.filter((one) => !elsewhere.includes(one));
    const taker = await findTakerElsewhere(spec, view.iptables, remaining, signal);
    if (taker !== undefined) {
      deps.logger.info(`going before the ${view.iptables.backend} rule ${taker}, too`);
      await view.iptables.restore(installInput(spec, elsewhere), signal);
      inPlace.push(view.iptables);
    } else if (elsewhere.length > 0) {
      await view.iptables.restore(removeInput(elsewhere), signal);
    }
  }
  return inPlace;
}

function leftoversOf(view: BackendView, spec: RedirectSpec, deps: InterceptDeps): readonly PlacedRule[] {
  const leftovers = findLeftovers(view.placed, spec.family);
  for (const leftover of leftovers) {
    deps.logger.info(`taking the place of the ${view.iptables.backend} rule ${describe(leftover)}`);
  }
  return leftovers;
}
