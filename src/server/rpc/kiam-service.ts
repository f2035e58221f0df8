import type { ConnectError, HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { Credentials } from "../../domain/credentials.ts";
import type { Decision } from "../../domain/decision.ts";
import { type IpAddress, parseIpAddress } from "../../domain/ip-address.ts";
import type { Pod } from "../../domain/pod.ts";
import { namesRole } from "../../domain/requested-role.ts";
import { rfc3339 } from "../../domain/rfc3339.ts";
import type { KiamService } from "../../rpc/gen/kiam/kiam_pb.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import { createRecentMap } from "../../runtime/recent-map.ts";
import type { DenialLog } from "../feed/denial-log.ts";
import type { AuditLog } from "./audit-log.ts";
import type { Callers } from "./callers.ts";
import { goErrors, malformedError } from "./failure-codes.ts";
import type { FoundPod, Lookup, PodLookup } from "./pod-lookup.ts";

export interface KiamServiceDeps {
  readonly callers: Callers;
  readonly lookup: PodLookup;
  readonly denials: DenialLog;
  readonly audit: AuditLog;
  readonly logger: Pick<Logger, "debug" | "error">;
  readonly clock: Pick<Clock, "now">;
}

/** Go agents ask for an address that nobody has every few milliseconds. */
const toldAgainAfterMs = 60_000;
const mostTold = 1_024;

/** The Go release's service. A proven agent gets its node's pods here too. */
export function createKiamService({
  callers,
  lookup,
  denials,
  audit,
  logger,
  clock,
}: KiamServiceDeps): ServiceImpl<typeof KiamService> {
  /** Go agents say nothing of their node. */
  const nodeOf = async (context: HandlerContext): Promise<string | undefined> =>
    (await callers.identify({ nodeName: "", hostIp: "" }, context)).nodeName;

  const missedAtMs = createRecentMap<IpAddress, number>(mostTold);

  function tellOfRole(address: IpAddress, found: Lookup): void {
    if (found.kind === "pod") {
      logger.debug("found role", { "pod.ip": address, "pod.iam.role": found.pod.request?.role ?? "" });
      return;
    }
    const nowMs = clock.now();
    if (nowMs - (missedAtMs.get(address) ?? Number.NEGATIVE_INFINITY) >= toldAgainAfterMs) {
      missedAtMs.set(address, nowMs);
      logger.error(`error finding pod: ${errorOf(found).rawMessage}`, { "pod.ip": address });
    }
  }

  function forbid({ pod, decision }: FoundPod, requested: string): never {
    if (decision.kind === "denied") {
      denials.note(pod, decision.denial, requested);
    } else {
      denials.note(pod, { kind: "role-mismatch", requested, annotated: pod.request?.role ?? "" }, requested);
    }
    throw goErrors.forbidden();
  }

  return {
    getHealth: () => ({ message: "ok" }),

    async getPodRole({ ip }, context) {
      const address = addressOf(ip);
      const found = await lookup.find(address, await nodeOf(context), context.signal);
      tellOfRole(address, found);
      return { name: requireFound(found).pod.request?.role ?? "" };
    },

    async getPodCredentials({ ip, role }, context) {
      const address = addressOf(ip);
      const isAsked = (pod: Pod, decision: Decision) => isRoleOf(role, pod, decision);
      const nodeName = await nodeOf(context);
      const found = requireFound(await lookup.findWithCredentials(address, nodeName, isAsked, context.signal));
      if (found.result === undefined) {
        forbid(found, role);
      }
      if (found.result.kind === "failed") {
        throw goErrors.failed(found.result.failure);
      }
      audit.handed(found.pod, found.result.credentials);
      return toGoCredentials(found.result.credentials);
    },
  };
}

function addressOf(ip: string): IpAddress {
  const address = parseIpAddress(ip);
  if (address === undefined) {
    throw malformedError("ip");
  }
  return address;
}

function requireFound(found: Lookup): FoundPod {
  if (found.kind !== "pod") {
    throw errorOf(found);
  }
  return found;
}

function errorOf(found: Exclude<Lookup, FoundPod>): ConnectError {
  switch (found.kind) {
    case "nobody":
      return goErrors.nobody();
    case "doubt":
      return goErrors.doubt();
    default:
      return found satisfies never;
  }
}

function isRoleOf(requested: string, pod: Pod, decision: Decision): boolean {
  return (
    decision.kind === "allowed" &&
    namesRole(requested, {
      annotated: pod.request?.role ?? "",
      role: decision.identity.role,
      nameBelowBase: decision.nameBelowBase,
    })
  );
}

function toGoCredentials(credentials: Credentials) {
  return {
    code: "Success",
    type: "AWS-HMAC",
    accessKeyId: credentials.accessKeyId,
    secretAccessKey: credentials.secretAccessKey,
    token: credentials.sessionToken,
    expiration: rfc3339(credentials.expiresAtMs),
    lastUpdated: rfc3339(credentials.issuedAtMs),
  };
}
