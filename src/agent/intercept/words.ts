import { formatHostPort } from "../../domain/host-port.ts";
import type { RedirectSpec } from "./rules.ts";

/** What logs call it: `the redirect of 169.254.169.254`. */
export function titleOf({ family, fate }: RedirectSpec): string {
  return `the ${fate.kind === "redirect" ? "redirect" : "rejection"} of ${family.metadataAddress}`;
}

/** What becomes of the calls, behind their name. */
export function fateInWords({ family, fate }: RedirectSpec): string {
  return fate.kind === "redirect"
    ? `lead to ${formatHostPort(fate.host, fate.port)}`
    : `are rejected: --host has no ${family.name} address`;
}

/** What it means that the rules stay when the agent ends. */
export function keptInWords(spec: RedirectSpec): string {
  const meaning = spec.fate.kind === "redirect" ? ": pods get no credentials until an agent is back" : "";
  return `${titleOf(spec)} stays in place${meaning}`;
}
