import type { Credentials } from "../domain/credentials.ts";
import { MalformedMessage } from "./convert.ts";
import type { Credentials as GoCredentials } from "./gen/kiam/kiam_pb.ts";

/** @throws MalformedMessage */
export function fromGoCredentials(message: GoCredentials): Credentials {
  const { accessKeyId, secretAccessKey, token } = message;
  if (accessKeyId === "" || secretAccessKey === "" || token === "") {
    throw new MalformedMessage("a server sent credentials that lack a part");
  }
  return {
    accessKeyId,
    secretAccessKey,
    sessionToken: token,
    issuedAtMs: momentOf(message.lastUpdated),
    expiresAtMs: momentOf(message.expiration),
  };
}

function momentOf(text: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) {
    throw new MalformedMessage(`a server sent credentials with '${text}' for a time`);
  }
  return ms;
}
