import type { Egress } from "../domain/egress.ts";
import { type ProxyEnvironment, proxyRules } from "../domain/proxy-rules.ts";
import { readBundle, readTrustStore, type TrustEnvironment } from "../tls/trust-store.ts";

/** What the environment says of the way to AWS and to the API server. */
export interface Network {
  readonly kind: "network";
  readonly kubernetes: Egress;
  /** AWS_CA_BUNDLE stands for the trust store here alone, as in Go's SDK. */
  readonly aws: Egress;
}

export type NetworkEnvironment = ProxyEnvironment & TrustEnvironment & { readonly AWS_CA_BUNDLE?: string | undefined };

/** Reads the environment and the files that it names, as Go programs do. */
export async function networkOf(
  env: NetworkEnvironment,
): Promise<Network | { readonly kind: "problem"; readonly problem: string }> {
  const proxies = proxyRules(env);
  if (proxies.kind === "problem") {
    return proxies;
  }
  const system = await readTrustStore(env);
  if (system.kind === "problem") {
    return system;
  }
  const aws = env.AWS_CA_BUNDLE ? await readBundle("AWS_CA_BUNDLE", env.AWS_CA_BUNDLE) : system;
  return aws.kind === "problem"
    ? aws
    : {
        kind: "network",
        kubernetes: { proxyFor: proxies.proxyFor, roots: system.roots },
        aws: { proxyFor: proxies.proxyFor, roots: aws.roots },
      };
}
