import { firstLine } from "../domain/first-line.ts";
import type { IssueFailure } from "../domain/issue.ts";
import { AwsUnreachableError } from "./fetch-handler.ts";
import { OwnCredentialsError } from "./own-credentials-error.ts";

/** About the credentials that the call was signed with. https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html */
const ownCredentialsCodes: ReadonlySet<string> = new Set([
  "AuthFailure",
  "ExpiredToken",
  "ExpiredTokenException",
  "IncompleteSignature",
  "InvalidAccessKeyId",
  "InvalidClientTokenId",
  "InvalidSignatureException",
  "InvalidToken",
  "MissingAuthenticationToken",
  "MissingAuthenticationTokenException",
  "OptInRequired",
  "RequestExpired",
  "RequestInTheFuture",
  "RequestTimeTooSkewed",
  "SignatureDoesNotMatch",
  "UnrecognizedClientException",
]);

/** The names that the SDK retries as throttling. */
const throttlingCodes: ReadonlySet<string> = new Set([
  "BandwidthLimitExceeded",
  "EC2ThrottledException",
  "LimitExceededException",
  "PriorRequestNotComplete",
  "ProvisionedThroughputExceededException",
  "RequestLimitExceeded",
  "RequestThrottled",
  "RequestThrottledException",
  "SlowDown",
  "ThrottledException",
  "Throttling",
  "ThrottlingException",
  "TooManyRequestsException",
  "TransactionInProgressException",
]);

/** Long enough for an AccessDenied with two ARNs. */
const longestMessage = 500;

/**
 * What an error of the SDK means. Only a refusal's text is AWS's own, for the people who have to mend the role; the others
 * may quote the signed request, token included.
 * @param externalId blotted out of the text
 */
export function issueFailureOf(error: unknown, externalId: string | undefined): IssueFailure {
  const { answer, status, code, message } = factsOf(error);
  if (error instanceof OwnCredentialsError) {
    const cause = factsOf(error.cause);
    const reason = error.cause instanceof AwsUnreachableError ? `: STS ${cause.message}` : ` (${cause.code})`;
    return { kind: "own-credentials", code: cause.code, message: error.message + reason };
  }
  if (error instanceof AwsUnreachableError) {
    return { kind: "unavailable", code, message: `STS ${message}` };
  }
  if (ownCredentialsCodes.has(code)) {
    return { kind: "own-credentials", code, message: `STS does not take the server's own credentials (${code})` };
  }
  if (throttlingCodes.has(code) || status === 429) {
    return { kind: "throttled", code, message: "STS asks for fewer calls" };
  }
  if (answer === "client-error") {
    return { kind: "refused", code, message: readable(message, externalId) };
  }
  return { kind: "unavailable", code, message: unavailability(status, code) };
}

interface Facts {
  /** Whether STS itself said no: a proxy's or a captive portal's 403 has no code of AWS's in it. */
  readonly answer: "client-error" | "other";
  readonly status: number | undefined;
  readonly code: string;
  readonly message: string;
}

/** Reads what the SDK throws: its own errors, those of Node's sockets, and of its XML parser. */
function factsOf(error: unknown): Facts {
  if (!(error instanceof Error)) {
    return { answer: "other", status: undefined, code: "Unknown", message: String(error) };
  }
  const awsCode = "Code" in error && typeof error.Code === "string" ? error.Code : undefined;
  const systemCode = "code" in error && typeof error.code === "string" ? error.code : undefined;
  const isClientError = awsCode !== undefined && "$fault" in error && error.$fault === "client";
  return {
    answer: isClientError ? "client-error" : "other",
    status: statusOf(error),
    code: awsCode ?? systemCode ?? error.name,
    message: error.message,
  };
}

function statusOf(error: Error): number | undefined {
  const metadata = "$metadata" in error ? error.$metadata : undefined;
  const status =
    typeof metadata === "object" && metadata !== null && "httpStatusCode" in metadata && metadata.httpStatusCode;
  return typeof status === "number" ? status : undefined;
}

function unavailability(status: number | undefined, code: string): string {
  return status === undefined ? `STS could not be reached (${code})` : `STS answered ${status} (${code})`;
}

/** One line without control characters, external id, or end. */
function readable(message: string, externalId: string | undefined): string {
  const blotted = externalId ? message.replaceAll(externalId, "(external id)") : message;
  return firstLine(blotted)
    .replace(/\p{Cc}+/gu, " ")
    .slice(0, longestMessage);
}
