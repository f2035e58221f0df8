import { type Answer, type Headers, jsonAnswer } from "./answer.ts";

/** Why a request does not get what it asks for. */
export type Refusal =
  | { readonly kind: "malformed"; readonly problem: string }
  | { readonly kind: "too-slow" }
  | { readonly kind: "too-large" }
  | { readonly kind: "wrong-host" }
  | { readonly kind: "forwarded" }
  | { readonly kind: "browser" }
  | { readonly kind: "token-version" }
  | { readonly kind: "token-missing" }
  | { readonly kind: "bad-ttl" }
  | { readonly kind: "wrong-method"; readonly allow: string }
  | { readonly kind: "no-such-path" }
  | { readonly kind: "no-role" }
  | { readonly kind: "account-unknown" }
  | { readonly kind: "denied"; readonly explanation: string }
  | { readonly kind: "too-many-connections" }
  | { readonly kind: "too-many-waiting" }
  | { readonly kind: "forward-throttled" }
  | { readonly kind: "metadata-failed"; readonly reason: string }
  | { readonly kind: "metadata-silent" }
  | { readonly kind: "pod-unknown" }
  | { readonly kind: "pod-in-doubt" }
  | { readonly kind: "pod-moved" }
  | { readonly kind: "servers-unavailable"; readonly reason: string }
  | { readonly kind: "issue-failed"; readonly code: string; readonly message: string }
  | { readonly kind: "broken" };

/** Why it is not known which pod calls. */
export type CallerUnknown =
  | { readonly kind: "unknown" }
  | { readonly kind: "doubt" }
  | { readonly kind: "unavailable"; readonly reason: string };

export function refusalOfUnknown(caller: CallerUnknown): Refusal {
  switch (caller.kind) {
    case "unknown":
      return { kind: "pod-unknown" };
    case "doubt":
      return { kind: "pod-in-doubt" };
    case "unavailable":
      return { kind: "servers-unavailable", reason: caller.reason };
    default:
      return caller satisfies never;
  }
}

interface Told {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly headers?: Headers;
}

/** The metadata service's JSON with a sentence in it, so that people see why. */
export function refuse(refusal: Refusal): Answer {
  const { status, code, message, headers } = tell(refusal);
  return jsonAnswer(status, JSON.stringify({ Code: code, Message: message }), headers);
}

function tell(refusal: Refusal): Told {
  switch (refusal.kind) {
    case "malformed":
      return { status: 400, code: "BadRequest", message: refusal.problem };
    case "bad-ttl":
      return {
        status: 400,
        code: "BadRequest",
        message: "X-aws-ec2-metadata-token-ttl-seconds must be a whole number from 1 to 21600",
      };
    case "token-missing":
      return { status: 401, code: "Unauthorized", message: "a valid X-aws-ec2-metadata-token is required (IMDSv2)" };
    case "wrong-host":
      return forbidden("the Host header does not name the metadata service");
    case "forwarded":
      return forbidden("a token is not given to requests with X-Forwarded-For");
    case "browser":
      return forbidden("requests from web pages are not answered");
    case "token-version":
      return forbidden("tokens are given at /latest/api/token only");
    case "denied":
      return { status: 403, code: "AccessDenied", message: refusal.explanation };
    case "no-such-path":
      return { status: 404, code: "NotFound", message: "kiam does not serve this path to pods" };
    case "no-role":
      return { status: 404, code: "NotFound", message: "the pod has no iam.amazonaws.com/role annotation" };
    case "account-unknown":
      // SDKs then ask at security-credentials.
      return { status: 404, code: "NotFound", message: "no kiam server says which account the pod's role belongs to" };
    case "wrong-method":
      return {
        status: 405,
        code: "MethodNotAllowed",
        message: `this path answers ${refusal.allow}`,
        headers: { Allow: refusal.allow },
      };
    case "too-slow":
      return { status: 408, code: "RequestTimeout", message: "the request took too long to come" };
    case "too-large":
      return { status: 431, code: "RequestTooLarge", message: "the request's headers are too large" };
    case "too-many-connections":
      return { ...throttled("the pod holds too many connections"), headers: { Connection: "close" } };
    case "too-many-waiting":
      return throttled("the pod has too many requests waiting");
    case "forward-throttled":
      return throttled("the node's budget of metadata requests is used up");
    case "broken":
      return { status: 500, code: "InternalError", message: "kiam failed to answer; its log says why" };
    case "pod-unknown":
      return unavailable("no pod is known at this address");
    case "pod-in-doubt":
      return unavailable("two pods claim this address");
    case "pod-moved":
      return unavailable("the address has gone to another pod");
    case "servers-unavailable":
      return unavailable(refusal.reason);
    case "issue-failed":
      return unavailable(`STS gave no credentials: ${refusal.code}: ${refusal.message}`);
    case "metadata-failed":
      return unavailable(`the metadata service can't be asked: ${refusal.reason}`);
    case "metadata-silent":
      return { status: 504, code: "GatewayTimeout", message: "the metadata service did not answer in time" };
    default:
      return refusal satisfies never;
  }
}

function forbidden(message: string): Told {
  return { status: 403, code: "Forbidden", message };
}

function throttled(message: string): Told {
  return { status: 429, code: "TooManyRequests", message };
}

function unavailable(message: string): Told {
  return { status: 503, code: "ServiceUnavailable", message };
}
