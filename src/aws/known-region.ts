import type { Egress } from "../domain/egress.ts";
import type { StsEndpoint } from "./endpoints.ts";

/** Looks a host name up; rejects with an error whose `code` is that of `getaddrinfo`. */
export type LookUpHost = (host: string, signal: AbortSignal) => Promise<unknown>;

/** What the resolver says of a name that does not exist. When it says anything else the name may well be a good one. */
const noSuchName: ReadonlySet<unknown> = new Set(["ENOTFOUND", "ENODATA", "EAI_NONAME"]);

/**
 * One line for an operator where the region's STS has no address; `undefined` where it has one, or where nobody can say: whom a proxy reaches
 * need not be known here.
 */
export async function unknownRegion(
  endpoint: StsEndpoint,
  { proxyFor }: Pick<Egress, "proxyFor">,
  lookUpHost: LookUpHost,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (proxyFor(endpoint.url) !== undefined) {
    return undefined;
  }
  const { hostname } = new URL(endpoint.url);
  try {
    await lookUpHost(hostname, signal);
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    const isUnknown = error instanceof Error && "code" in error && noSuchName.has(error.code);
    return isUnknown ? `region '${endpoint.signingRegion}' is unknown: ${hostname} does not exist` : undefined;
  }
}
