import type { Credentials } from "../../domain/credentials.ts";
import type { NodePod } from "../../domain/node-pod.ts";
import { accountOf } from "../../domain/role-arn.ts";
import { credentialsDocument } from "../credentials/document.ts";
import type { CredentialsDecided } from "../credentials/find-credentials.ts";
import type { AddressRequest } from "../credentials/go-servers.ts";
import type { AgentMetrics } from "../metrics.ts";
import { type Answer, documentHeaders, jsonAnswer } from "./answer.ts";
import type { Audit } from "./audit.ts";
import { type Refusal, refuse } from "./refusal.ts";
import type { CredentialsForm } from "./target.ts";

/** Writes what a pod gets that asked for credentials. */
export interface AnswerCredentials {
  toPod(pod: NodePod, found: CredentialsDecided, form: CredentialsForm): Answer;
  /**
   * For a pod of which no more is known than its address.
   * @param accountId for the extended form
   */
  toAddress(request: AddressRequest, credentials: Credentials, accountId?: string): Answer;
}

/** Credentials are encoded once, however many pods ask for them however often. */
export function createCredentialAnswers(
  audit: Audit,
  metrics: Pick<AgentMetrics, "credentialEncodeErrors">,
): AnswerCredentials {
  const encoded = {
    plain: new WeakMap<Credentials, Answer>(),
    extended: new WeakMap<Credentials, Answer>(),
  } as const satisfies Record<CredentialsForm, unknown>;

  function encode(credentials: Credentials, accountId: string | undefined): Answer {
    try {
      const document = credentialsDocument(credentials, accountId);
      return jsonAnswer(200, document, documentHeaders(credentials.issuedAtMs));
    } catch {
      metrics.credentialEncodeErrors.labels("credentials").inc(); // A time that no calendar has.
      return refuse({ kind: "broken" });
    }
  }

  return {
    toPod(pod, found, form) {
      if (found.kind !== "issued") {
        return refuse(refusalOf(found));
      }
      const answer = encoded[form].get(found.credentials) ?? encode(found.credentials, accountFor(form, pod));
      if (answer.status === 200) {
        encoded[form].set(found.credentials, answer);
        audit.toPod(pod, found.credentials);
      }
      return answer;
    },
    toAddress(request, credentials, accountId) {
      const answer = encode(credentials, accountId);
      if (answer.status === 200) {
        audit.toAddress(request, credentials);
      }
      return answer;
    },
  };
}

/** All whose credentials are one object have one role. */
function accountFor(form: CredentialsForm, { decision }: NodePod): string | undefined {
  return form === "extended" && decision.kind === "allowed" ? accountOf(decision.role) : undefined;
}

function refusalOf(found: Exclude<CredentialsDecided, { kind: "issued" }>): Refusal {
  switch (found.kind) {
    case "denied":
    case "no-role":
      return found;
    case "failed":
      return { kind: "issue-failed", code: found.failure.code, message: found.failure.message };
    case "unavailable":
      return { kind: "servers-unavailable", reason: found.reason };
    case "moved":
      return { kind: "pod-moved" };
    default:
      return found satisfies never;
  }
}
