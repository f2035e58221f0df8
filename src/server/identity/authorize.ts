import type { ReviewToken } from "../../domain/token-review.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { PodStore } from "../workload/pods.ts";
import { nodeOfCertificate } from "./node-certificate.ts";
import type { NodeProof, Refusal } from "./node-proof.ts";
import { proveByToken, type TokenProof } from "./token-proof.ts";
import { createTokenReviews, type ServiceAccount } from "./token-reviews.ts";

export type { NodeProof } from "./node-proof.ts";

/** What an agent shows of itself. */
export interface Evidence {
  /** Of the certificate that TLS verified: `DNS:…`, `URI:…`, one each. */
  readonly alternativeNames: readonly string[];
  readonly bearerToken?: string;
}

/** What an agent says of itself; empty where it says nothing. */
export interface NodeClaim {
  readonly nodeName: string;
  readonly hostIp: string;
}

/** For which node a call may speak. Rejects only with the signal's reason. */
export type Authorize = (evidence: Evidence, claim: NodeClaim, signal: AbortSignal) => Promise<NodeProof>;

export interface NodeAuthorizerDeps {
  /** What becomes of an agent that shows no proof: `prefer` serves it all the same, `required` refuses it. */
  readonly mode: "prefer" | "required";
  readonly reviewToken: ReviewToken;
  /** `kiam-server`: what agents' tokens are made for. */
  readonly audience: string;
  readonly agentServiceAccounts: readonly ServiceAccount[];
  /** Whose SPIFFE ids prove a node; without it none does. */
  readonly trustDomain?: string | undefined;
  readonly pods: Pick<PodStore, "get" | "changes" | "nodeOfHostIp">;
  readonly clock: Clock;
}

/**
 * Proof is a certificate that names the node, or a token of a pod on it. What is shown must hold: bad proof is refused and never
 * taken for none.
 */
export function createNodeAuthorizer(deps: NodeAuthorizerDeps): { readonly authorize: Authorize } {
  const { mode, pods, clock } = deps;
  const reviews = createTokenReviews(deps);

  function withoutProof(claim: NodeClaim): NodeProof {
    if (mode === "required") {
      return {
        kind: "refused",
        code: "unauthenticated",
        reason: "the agent shows neither a token nor a node's certificate",
      };
    }
    const nodeName = claim.nodeName || pods.nodeOfHostIp(claim.hostIp);
    return { kind: "unproven", ...(nodeName === undefined ? {} : { nodeName }) };
  }

  return {
    async authorize({ alternativeNames, bearerToken }, claim, signal) {
      const byCertificate = proveByCertificate(alternativeNames, deps.trustDomain);
      const byToken =
        bearerToken === undefined ? undefined : await proveByToken({ reviews, pods, clock }, bearerToken, signal);
      const proof = combined(byCertificate, byToken) ?? withoutProof(claim);
      return proof.kind === "proven" ? held(proof, claim) : proof;
    },
  };
}

function proveByCertificate(
  alternativeNames: readonly string[],
  trustDomain: string | undefined,
): TokenProof | undefined {
  const certificate = nodeOfCertificate(alternativeNames, trustDomain);
  switch (certificate.kind) {
    case "no-node":
      return undefined;
    case "node":
      return { kind: "proven", nodeName: certificate.nodeName, by: "certificate" };
    case "several-nodes":
      return denied("the certificate names several nodes");
    case "several-uris":
      return denied("the certificate has several URIs, of which a SPIFFE certificate has one");
    default:
      return certificate satisfies never;
  }
}

function combined(byCertificate: TokenProof | undefined, byToken: TokenProof | undefined): TokenProof | undefined {
  if (byCertificate?.kind !== "proven" || byToken === undefined) {
    return byCertificate ?? byToken;
  }
  if (byToken.kind === "refused") {
    // Nothing is wrong with a token that nobody can be asked about: the certificate proves the node by itself.
    return byToken.code === "unavailable" ? byCertificate : byToken;
  }
  return byToken.nodeName === byCertificate.nodeName
    ? byCertificate
    : denied(`the certificate is node ${byCertificate.nodeName}'s, the token node ${byToken.nodeName}'s`);
}

function held(proof: Extract<NodeProof, { readonly kind: "proven" }>, claim: NodeClaim): NodeProof {
  const proved = `the agent is proved to be on node ${proof.nodeName}`;
  return claim.nodeName === "" || claim.nodeName === proof.nodeName
    ? proof
    : { ...denied(`${proved} and asks for node ${quoted(claim.nodeName)}`), subject: proved };
}

/** A claim is the caller's text; a node's name has 253 characters at most. */
function quoted(nodeName: string): string {
  return nodeName.slice(0, 253).toWellFormed();
}

function denied(reason: string): Refusal {
  return { kind: "refused", code: "permission-denied", reason };
}
