import type { MetadataHeaders, MetadataRequest } from "../../src/agent/metadata/request.ts";
import { neverAborted } from "../../src/runtime/abort.ts";
import { anAddress } from "./pods.ts";

interface RequestText {
  readonly client?: string;
  readonly headers?: Partial<MetadataHeaders>;
}

/** A GET from the pod at 10.0.0.1, over a connection that has served nobody; give what matters to the test. */
export function aRequest(
  target: string,
  overrides: Partial<Omit<MetadataRequest, "client" | "headers">> & RequestText = {},
): MetadataRequest {
  const { client = "10.0.0.1", headers, ...rest } = overrides;
  return {
    method: "GET",
    target,
    headers: { host: "169.254.169.254", isForwarded: false, isFromWebPage: false, ...headers },
    client: anAddress(client),
    isFromNode: false,
    local: { address: anAddress("192.168.0.1"), port: 3100 },
    signal: neverAborted(),
    belongsTo: () => true,
    ...rest,
  };
}
