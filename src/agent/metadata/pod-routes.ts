import type { IpAddress } from "../../domain/ip-address.ts";
import type { NodePod } from "../../domain/node-pod.ts";
import type { Lookup } from "../credentials/lookup.ts";
import type { AgentMetrics, HandlerName } from "../metrics.ts";
import { type CredentialsAsked, createAddressRoutes } from "./address-routes.ts";
import type { Answer } from "./answer.ts";
import type { AnswerCredentials } from "./credentials.ts";
import type { Forward } from "./forward.ts";
import type { AnswerInstanceProfile } from "./instance-profile.ts";
import { createLimit } from "./limit.ts";
import { notFound } from "./not-found.ts";
import { type Refusal, refusalOfUnknown, refuse } from "./refusal.ts";
import type { MetadataRequest } from "./request.ts";
import { roleName } from "./role-name.ts";
import type { CredentialsForm } from "./target.ts";
import { mintToken } from "./token.ts";
import type { ImdsTokens } from "./tokens.ts";

/** The routes whose answer depends on which pod calls. */
export interface PodRoutes {
  roleName(request: MetadataRequest, form: CredentialsForm): Answer | Promise<Answer>;
  credentials(request: MetadataRequest, asked: CredentialsAsked): Answer | Promise<Answer>;
  instanceProfile(request: MetadataRequest): Answer | Promise<Answer>;
  token(request: MetadataRequest, target: { readonly isLatest: boolean }): Answer;
  /** Any other path: forwarded, or refused. */
  other(request: MetadataRequest): Answer | Promise<Answer>;
}

export interface PodRouteOptions {
  readonly lookup: Lookup;
  readonly tokens: ImdsTokens;
  /** `required`: requests without a valid IMDSv2 token are refused. `optional`: a token makes no difference. */
  readonly imdsTokens: "optional" | "required";
  readonly answerCredentials: AnswerCredentials;
  readonly answerProfile: AnswerInstanceProfile;
  readonly forward: Forward;
  readonly metrics: Pick<AgentMetrics, "findRoleErrors" | "emptyRole" | "credentialFetchErrors" | "proxyBlocked">;
}

/** Per pod: beyond it a pod's own callers are refused, and nobody else's. */
const mostWaiting = 32;

/** How often a request may go from the store to a Go server and back, as servers come and go meanwhile. */
const mostTurns = 3;

/** How a request is served, by who is found to answer for its pod. */
interface Serve {
  pod(pod: NodePod): Answer | Promise<Answer>;
  /** By a Go server; `undefined` when none serves any more. */
  address(): Promise<Answer | undefined>;
}

export function createPodRoutes(options: PodRouteOptions): PodRoutes {
  const { lookup, tokens, answerCredentials, answerProfile, forward, metrics } = options;
  const waiting = createLimit<IpAddress>(mostWaiting);
  const byAddress = createAddressRoutes({ lookup: lookup.byAddress, answerCredentials, answerProfile, metrics });

  async function wait<T>(place: Disposable, promise: Promise<T>): Promise<T> {
    using _place = place;
    return await promise;
  }

  function lacksToken({ headers }: MetadataRequest): boolean {
    return options.imdsTokens === "required" && headers.token === undefined;
  }

  /** @param pod absent where only a Go server knows which it is */
  function hasBadToken({ headers, client }: MetadataRequest, pod?: NodePod): boolean {
    const holder = pod === undefined ? { address: client } : { address: client, uid: pod.uid };
    return options.imdsTokens === "required" && !tokens.verify(headers.token ?? "", holder);
  }

  /** Finds the calling pod, waiting for it where need be, and serves it. */
  function forPod(handler: HandlerName, request: MetadataRequest, serve: Serve): Answer | Promise<Answer> {
    if (lacksToken(request)) {
      return refuse({ kind: "token-missing" });
    }
    const pod = lookup.heldPod(request.client);
    if (pod !== undefined) {
      return serveCaller(handler, request, pod, serve);
    }
    const place = waiting.take(request.client);
    return place === undefined
      ? refuse({ kind: "too-many-waiting" })
      : wait(place, find(handler, request, serve)).then((found) =>
          found.kind === "pod" ? serveCaller(handler, request, found.pod, serve) : found.answer,
        );
  }

  /** A pod that the store knows, or the answer for one that it does not. */
  async function find(handler: HandlerName, request: MetadataRequest, serve: Serve): Promise<Found> {
    for (let turn = 0; turn < mostTurns; turn += 1) {
      const found = await lookup.findPod(request.client, request.signal);
      if (found.kind === "found") {
        return { kind: "pod", pod: found.pod };
      }
      if (found.kind !== "ask-by-address") {
        return { kind: "answer", answer: noPod(handler, refusalOfUnknown(found)) };
      }
      const answer = hasBadToken(request) ? refuse({ kind: "token-missing" }) : await serve.address();
      if (answer !== undefined) {
        return { kind: "answer", answer };
      }
    }
    return { kind: "answer", answer: noPod(handler, serversGone) };
  }

  function serveCaller(handler: HandlerName, request: MetadataRequest, pod: NodePod, serve: Serve) {
    if (!request.belongsTo(pod)) {
      return noPod(handler, { kind: "pod-moved" });
    }
    if (hasBadToken(request, pod)) {
      return refuse({ kind: "token-missing" });
    }
    if (pod.decision.kind === "no-role") {
      metrics.emptyRole.labels(handler).inc();
    }
    return serve.pod(pod);
  }

  function noPod(handler: HandlerName, refusal: Refusal): Answer {
    metrics.findRoleErrors.labels(handler).inc();
    return refuse(refusal);
  }

  function credentialsOf(request: MetadataRequest, pod: NodePod, asked: CredentialsAsked): Answer | Promise<Answer> {
    const held = lookup.heldCredentials(pod, asked.role);
    if (held !== undefined) {
      return counted(answerCredentials.toPod(pod, held, asked.form));
    }
    const place = waiting.take(request.client);
    if (place === undefined) {
      return refuse({ kind: "too-many-waiting" });
    }
    return wait(place, waitForCredentials(request, pod, asked));
  }

  async function waitForCredentials(request: MetadataRequest, pod: NodePod, asked: CredentialsAsked): Promise<Answer> {
    const { role, form } = asked;
    const found = await lookup.findCredentials({ pod, address: request.client, role }, request.signal);
    return found.kind === "ask-by-address"
      ? ((await byAddress.credentials(request, asked)) ?? counted(refuse(serversGone)))
      : counted(answerCredentials.toPod(pod, found, form));
  }

  function profileOf(pod: NodePod): Answer {
    const { decision } = pod;
    switch (decision.kind) {
      case "no-role":
      case "denied":
        return refuse(decision);
      case "allowed": {
        const held = lookup.heldCredentials(pod, decision.role);
        return answerProfile(decision.role, held?.kind === "issued" ? held.credentials.issuedAtMs : undefined);
      }
      default:
        return decision satisfies never;
    }
  }

  function counted(answer: Answer): Answer {
    if (answer.status !== 200) {
      metrics.credentialFetchErrors.labels("credentials").inc();
    }
    return answer;
  }

  return {
    roleName: (request, form) =>
      forPod("roleName", request, { pod: roleName, address: () => byAddress.roleName(request, form) }),
    credentials: (request, asked) =>
      forPod("credentials", request, {
        pod: (pod) => credentialsOf(request, pod, asked),
        address: () => byAddress.credentials(request, asked),
      }),
    instanceProfile: (request) =>
      forPod("info", request, { pod: profileOf, address: () => byAddress.instanceProfile(request) }),
    token(request, { isLatest }) {
      if (request.method !== "PUT") {
        return refuse({ kind: "wrong-method", allow: "PUT" });
      }
      if (!isLatest) {
        return refuse({ kind: "token-version" });
      }
      const pod = lookup.heldPod(request.client);
      return pod === undefined || request.belongsTo(pod)
        ? mintToken(request, pod, tokens)
        : noPod("token", { kind: "pod-moved" });
    },
    other(request) {
      const path = forward.pathOf(request.target);
      if (path === undefined) {
        metrics.proxyBlocked.inc();
        return lacksToken(request) ? refuse({ kind: "token-missing" }) : notFound();
      }
      // Not waited for: what is forwarded is the node's, whichever pod asks.
      const pod = lookup.heldPod(request.client);
      if (pod !== undefined && !request.belongsTo(pod)) {
        return noPod("proxy", { kind: "pod-moved" });
      }
      if (hasBadToken(request, pod)) {
        return refuse({ kind: "token-missing" });
      }
      const place = waiting.take(request.client);
      return place === undefined
        ? refuse({ kind: "too-many-waiting" })
        : wait(place, forward.get(path, pod?.uid ?? request.client, request.signal));
    },
  };
}

type Found = { readonly kind: "pod"; readonly pod: NodePod } | { readonly kind: "answer"; readonly answer: Answer };

const serversGone: Refusal = { kind: "servers-unavailable", reason: "one kiam server after another has gone" };
