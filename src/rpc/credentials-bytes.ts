import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Credentials } from "../domain/credentials.ts";
import { RoleCredentialsSchema } from "./gen/kiam/v1/node_pb.ts";

export type EncodeCredentials = (credentials: Credentials) => Uint8Array;

/** Encodes credentials once for all the messages that carry them: a role may be used on every node. */
export function createCredentialsEncoder(): EncodeCredentials {
  const encoded = new WeakMap<Credentials, Uint8Array>();
  return (credentials) => {
    const held = encoded.get(credentials) ?? encodeCredentials(credentials);
    encoded.set(credentials, held);
    return held;
  };
}

export function encodeCredentials(credentials: Credentials): Uint8Array {
  return toBinary(
    RoleCredentialsSchema,
    create(RoleCredentialsSchema, {
      accessKeyId: credentials.accessKeyId,
      secretAccessKey: credentials.secretAccessKey,
      sessionToken: credentials.sessionToken,
      issuedAtMs: BigInt(credentials.issuedAtMs),
      expiresAtMs: BigInt(credentials.expiresAtMs),
    }),
  );
}

export function decodeCredentials(bytes: Uint8Array): Credentials {
  const message = fromBinary(RoleCredentialsSchema, bytes);
  return {
    accessKeyId: message.accessKeyId,
    secretAccessKey: message.secretAccessKey,
    sessionToken: message.sessionToken,
    issuedAtMs: Number(message.issuedAtMs),
    expiresAtMs: Number(message.expiresAtMs),
  };
}
