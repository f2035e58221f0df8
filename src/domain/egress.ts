import type { ProxyFor } from "./proxy-rules.ts";

/** The way to who is outside: AWS, or an API server whose kubeconfig does not say it. Never to the metadata service, which is on the instance. */
export interface Egress {
  readonly proxyFor: ProxyFor;
  /** Whom to trust, in PEM; whom Bun does where absent. */
  readonly roots: string | undefined;
}

/** By no proxy, and with whom Bun trusts. */
export const directly: Egress = { proxyFor: () => undefined, roots: undefined };
