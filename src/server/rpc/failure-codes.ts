import { Code, ConnectError } from "@connectrpc/connect";
import type { IssueFailure } from "../../domain/issue.ts";
import { reasonOf } from "../../runtime/logger.ts";
import type { Refusal } from "../identity/node-proof.ts";

/** A caller whose node is not proved, or that speaks for another than the proved one. */
export function refusalError(refusal: Refusal): ConnectError {
  return new ConnectError(refusal.reason, refusalCode(refusal.code));
}

function refusalCode(code: Refusal["code"]): Code {
  switch (code) {
    case "unauthenticated":
      return Code.Unauthenticated;
    case "permission-denied":
      return Code.PermissionDenied;
    case "unavailable":
      return Code.Unavailable;
    default:
      return code satisfies never;
  }
}

/** The token expired, the agent's pod is gone: the agent proves its node again and comes back. */
export function proofEndedError(reason: unknown): ConnectError {
  return new ConnectError(reasonOf(reason), Code.Unauthenticated);
}

export function malformedError(field: string): ConnectError {
  return new ConnectError(`${field} is malformed`, Code.InvalidArgument);
}

/** The same for an address that nobody has and for one of another node's pods: an agent learns nothing of other nodes. */
export function nobodyError(): ConnectError {
  return new ConnectError("no live pod of the node has the address", Code.NotFound);
}

export function doubtError(): ConnectError {
  return new ConnectError("two pods claim the address, and nothing says which of them has it", Code.FailedPrecondition);
}

export function unknownNodeError(hostIp: string): ConnectError {
  const reason =
    hostIp === ""
      ? "the agent names neither a node nor an address"
      : `no pod is known on a node with address ${hostIp}: give the agent its --node-name`;
  return new ConnectError(reason, Code.NotFound);
}

/** Errors of the compatibility service: Go agents know them by their text, whose code is always Unknown. */
export const goErrors = {
  nobody: () => new ConnectError("no pod found", Code.Unknown),
  doubt: () => new ConnectError("multiple running pods found", Code.Unknown),
  forbidden: () => new ConnectError("forbidden by policy", Code.Unknown),
  failed: ({ code, message }: IssueFailure) => new ConnectError(`${code}: ${message}`, Code.Unknown),
} as const;
