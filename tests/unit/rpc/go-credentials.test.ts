import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { MalformedMessage } from "../../../src/rpc/convert.ts";
import { CredentialsSchema } from "../../../src/rpc/gen/kiam/kiam_pb.ts";
import { fromGoCredentials } from "../../../src/rpc/go-credentials.ts";

const sent = {
  code: "Success",
  type: "AWS-HMAC",
  accessKeyId: "ASIA",
  secretAccessKey: "secret",
  token: "token",
  expiration: "2026-01-01T01:00:00Z",
  lastUpdated: "2026-01-01T00:00:00Z",
};

test("what a Go server sends are credentials as we know them", () => {
  const credentials = fromGoCredentials(create(CredentialsSchema, sent));

  expect(credentials).toEqual({
    accessKeyId: "ASIA",
    secretAccessKey: "secret",
    sessionToken: "token",
    issuedAtMs: Date.UTC(2026, 0, 1),
    expiresAtMs: Date.UTC(2026, 0, 1, 1),
  });
});

test.each(["accessKeyId", "secretAccessKey", "token", "expiration", "lastUpdated"])(
  "without %s they are none",
  (field) => {
    const message = create(CredentialsSchema, { ...sent, [field]: "" });

    expect(() => fromGoCredentials(message)).toThrow(MalformedMessage);
  },
);
