/** What becomes of one request on its way to STS. */
export type Fault =
  | { readonly kind: "pass" }
  /** Passed on after a while. */
  | { readonly kind: "delay"; readonly ms: number }
  /** STS says no, in its own XML, by a clock that is ahead of ours by `dateOffsetMs`. */
  | {
      readonly kind: "error";
      readonly status: number;
      readonly code: string;
      readonly message: string;
      readonly dateOffsetMs?: number;
    }
  /** Something that is not STS's. */
  | { readonly kind: "text"; readonly status: number; readonly body: string }
  /** Never answered. */
  | { readonly kind: "hang" }
  /** The connection is lost, before STS has heard of it or after it has answered. */
  | { readonly kind: "reset"; readonly when: "before" | "after" }
  /** The first half of STS's answer, then the connection is lost. */
  | { readonly kind: "truncated" }
  /** STS's answer, with another end. */
  | { readonly kind: "lifetime"; readonly ms: number };

export type FaultName = keyof typeof faults;

/** Faults by name, with the texts that AWS writes: https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html */
export const faults = {
  none: { kind: "pass" },
  throttled: error(400, "Throttling", "Rate exceeded"),
  overloaded: error(503, "ServiceUnavailable", "Service is unable to handle request."),
  internal: error(500, "InternalFailure", "The request processing has failed because of an unknown error."),
  denied: error(403, "AccessDenied", "User: arn:aws:sts::123456789012:assumed-role/kiam/i is not authorized"),
  expiredToken: error(403, "ExpiredToken", "The security token included in the request is expired"),
  unknownKey: error(403, "InvalidClientTokenId", "The security token included in the request is invalid."),
  requestExpired: error(400, "RequestExpired", "Request has expired."),
  tooLong: error(
    400,
    "ValidationError",
    "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
  ),
  hang: { kind: "hang" },
  resetBefore: { kind: "reset", when: "before" },
  resetAfter: { kind: "reset", when: "after" },
  malformed: { kind: "text", status: 200, body: "<AssumeRoleResponse><AssumeRoleResult><Credentials>" },
  empty: { kind: "text", status: 200, body: "" },
  gateway: { kind: "text", status: 502, body: "<html><body>Bad Gateway</body></html>" },
  truncated: { kind: "truncated" },
  expired: { kind: "lifetime", ms: -1_000 },
  centuries: { kind: "lifetime", ms: 200 * 365 * 86_400_000 },
} as const satisfies Readonly<Record<string, Fault>>;

function error(status: number, code: string, message: string) {
  return { kind: "error", status, code, message } as const;
}
