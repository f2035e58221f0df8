import {
  type Client,
  Code,
  ConnectError,
  createClient,
  createRouterTransport,
  type Interceptor,
} from "@connectrpc/connect";
import type { ReviewToken } from "../../../../src/domain/token-review.ts";
import { KiamService } from "../../../../src/rpc/gen/kiam/kiam_pb.ts";
import { NodeService } from "../../../../src/rpc/gen/kiam/v1/node_pb.ts";
import { peerKey } from "../../../../src/rpc/peer.ts";
import { createHub } from "../../../../src/server/feed/hub.ts";
import { createNodeAuthorizer } from "../../../../src/server/identity/authorize.ts";
import { createProofWatch } from "../../../../src/server/identity/watch-proof.ts";
import { createRoutes } from "../../../../src/server/rpc/routes.ts";
import { settle } from "../../../fakes/clock.ts";
import { aNamespace, aPod } from "../../../fakes/pods.ts";
import { decideByName } from "../../../fakes/policy.ts";
import { createServerStores } from "../../../fixtures/server-stores.ts";

/** Who calls. */
export interface TestCaller {
  /** The node that the certificate names. */
  readonly certifiedFor?: string;
  readonly token?: string;
  readonly remoteAddress?: string;
}

export interface TestClients {
  readonly node: Client<typeof NodeService>;
  readonly kiam: Client<typeof KiamService>;
}

/** Both services over real stores, issuance and proof of nodes; STS, token reviews and time are the test's. */
export function setUp({ mode = "prefer" as "prefer" | "required", reviewToken = noReviews } = {}) {
  const { clock, sts, logger, registry, metrics, pods, namespaces, issuance, events } = createServerStores();
  const hub = createHub({
    pods,
    namespaces,
    decide: decideByName,
    issuance,
    clock,
    logger,
    metrics,
    events,
    heartbeatIntervalMs: 10_000,
  });
  const { authorize } = createNodeAuthorizer({
    mode,
    reviewToken,
    audience: "kiam-server",
    agentServiceAccounts: [{ namespace: "kiam", name: "kiam-agent" }],
    pods,
    clock,
  });
  const watchProof = createProofWatch({ pods, clock });
  const routes = createRoutes({
    pods,
    namespaces,
    decide: decideByName,
    issuance,
    hub,
    authorize,
    watchProof,
    clock,
    logger,
    metrics,
    events,
  });
  const stopping = new AbortController();
  void issuance.run(stopping.signal);
  let version = 1_000;

  namespaces.upsert(aNamespace({ permitted: "reader|writer|team/reader" }));

  return {
    clock,
    sts,
    logger,
    pods,
    /** What pods were told by events. */
    eventsTold: events.told,
    /** Answers the first call of STS, once it has been made, and after what happens in between. */
    async answerSts(meanwhile: () => void = () => undefined): Promise<void> {
      for (let turn = 0; sts.calls.length === 0 && turn < 10; turn += 1) {
        await settle();
      }
      meanwhile();
      sts.calls[0]?.issue();
    },
    routes,
    stop: () => stopping.abort(new ConnectError("stopping", Code.Unavailable)),
    /** The watch tells of a pod, newer than whatever it told before. */
    put(overrides: Parameters<typeof aPod>[0] & { readonly role?: string } = {}) {
      version += 1;
      const { role, ...rest } = overrides;
      const request = role === undefined ? {} : { request: { source: "pod-annotation" as const, role } };
      pods.upsert(aPod({ resourceVersion: String(version), ...request, ...rest }));
    },
    permit(permitted: string): void {
      version += 1;
      namespaces.upsert(aNamespace({ permitted, resourceVersion: String(version) }));
    },
    as({ certifiedFor, token, remoteAddress = "192.168.0.1" }: TestCaller = {}): TestClients {
      const alternativeNames = certifiedFor === undefined ? [] : [`DNS:${certifiedFor}.node.kiam`];
      const identify: Interceptor = (next) => (request) => {
        request.contextValues.set(peerKey, { alternativeNames, remoteAddress });
        return next(request);
      };
      const present: Interceptor = (next) => (request) => {
        if (token !== undefined) {
          request.header.set("authorization", `Bearer ${token}`);
        }
        return next(request);
      };
      const transport = createRouterTransport(routes, {
        router: { interceptors: [identify], shutdownSignal: stopping.signal },
        transport: { interceptors: [present] },
      });
      return { node: createClient(NodeService, transport), kiam: createClient(KiamService, transport) };
    },
    async counted(name: string): Promise<Readonly<Record<string, number>>> {
      const metric = await registry.getSingleMetric(name)?.get();
      return Object.fromEntries(
        (metric?.values ?? [])
          .filter(({ labels, value }) => value !== 0 || Object.keys(labels).length === 0)
          .map(({ labels, value }) => [Object.values(labels).join(","), value]),
      );
    },
  };
}

const noReviews: ReviewToken = () => Promise.reject(new Error("no token is expected"));

/** What a call that must fail fails with. */
export async function failureOf(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call;
  } catch (error) {
    return ConnectError.from(error);
  }
  throw new Error("the call succeeded");
}
