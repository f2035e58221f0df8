import type { IpAddress } from "../../domain/ip-address.ts";
import type { NodePod } from "../../domain/node-pod.ts";
import type { LocalEnd } from "./host.ts";

/** One request as the routes see it. */
export interface MetadataRequest {
  readonly method: string;
  /** As it came. */
  readonly target: string;
  readonly headers: MetadataHeaders;
  /** Whose address it came from. */
  readonly client: IpAddress;
  /** Whether it came from an address of the node itself. */
  readonly isFromNode: boolean;
  readonly local: LocalEnd;
  /** Aborted when the client hangs up. Made when first read. */
  readonly signal: AbortSignal;
  /** Whether the connection is that pod's. The first pod that a connection serves is the only one it ever serves. */
  belongsTo(pod: NodePod): boolean;
}

/** The headers that matter here. */
export interface MetadataHeaders {
  readonly host?: string;
  readonly token?: string;
  readonly tokenTtlSeconds?: string;
  readonly isForwarded: boolean;
  readonly isFromWebPage: boolean;
  /** Why the headers can't be trusted to say one thing. */
  readonly problem?: string;
}

interface Collected {
  host?: string;
  token?: string;
  tokenTtlSeconds?: string;
  isForwarded: boolean;
  isFromWebPage: boolean;
  problem?: string;
}

/** @param raw name and value by turns, as they came */
export function readHeaders(raw: readonly string[]): MetadataHeaders {
  const headers: Collected = { isForwarded: false, isFromWebPage: false };
  for (let index = 0; index + 1 < raw.length; index += 2) {
    collect(headers, raw[index]?.toLowerCase() ?? "", raw[index + 1] ?? "");
  }
  return headers;
}

function collect(headers: Collected, name: string, value: string): void {
  switch (name) {
    case "host":
      collectOnce(headers, "host", value);
      break;
    case "x-aws-ec2-metadata-token":
      collectOnce(headers, "token", value);
      break;
    case "x-aws-ec2-metadata-token-ttl-seconds":
      collectOnce(headers, "tokenTtlSeconds", value);
      break;
    case "x-forwarded-for":
      headers.isForwarded = true;
      break;
    case "origin":
      headers.isFromWebPage = true;
      break;
    default:
      headers.isFromWebPage ||= name.startsWith("sec-fetch-");
  }
}

function collectOnce(headers: Collected, field: "host" | "token" | "tokenTtlSeconds", value: string): void {
  if (headers[field] !== undefined) {
    headers.problem = "a header that may come once came twice";
  }
  headers[field] = value;
}
