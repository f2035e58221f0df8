import type { Credentials } from "../../domain/credentials.ts";
import type { NodePod } from "../../domain/node-pod.ts";
import { credentialsDocument } from "../credentials/document.ts";
import type { CredentialsDecided } from "../credentials/find-credentials.ts";
import type { AddressRequest } from "../credentials/go-servers.ts";
import type { AgentMetrics } from "../metrics.ts";
import { type Answer, jsonAnswer } from "./answer.ts";
import type { Audit } from "./audit.ts";
import { type Refusal, refuse } from "./refusal.ts";

/** Writes what a pod gets that asked for credentials. */
export interface AnswerCredentials {
  toPod(pod: NodePod, found: CredentialsDecided): Answer;
  /** For a pod of which no more is known than its address. */
  toAddress(request: AddressRequest, credentials: Credentials): Answer;
}

/** Credentials are encoded once, however many pods ask for them however often. */
export function createCredentialAnswers(
  audit: Audit,
  metrics: Pick<AgentMetrics, "credentialEncodeErrors">,
): AnswerCredentials {
  const encoded = new WeakMap<Credentials, Answer>();

  function encode(credentials: Credentials): Answer {
    try {
      const answer = jsonAnswer(200, credentialsDocument(credentials));
      encoded.set(credentials, answer);
      return answer;
    } catch {
      metrics.credentialEncodeErrors.labels("credentials").inc(); // A time that no calendar has.
      return refuse({ kind: "broken" });
    }
  }

  return {
    toPod(pod, found) {
      if (found.kind !== "issued") {
        return refuse(refusalOf(found));
      }
      const answer = encoded.get(found.credentials) ?? encode(found.credentials);
      if (answer.status === 200) {
        audit.toPod(pod, found.credentials);
      }
      return answer;
    },
    toAddress(request, credentials) {
      const answer = encode(credentials);
      if (answer.status === 200) {
        audit.toAddress(request, credentials);
      }
      return answer;
    },
  };
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
