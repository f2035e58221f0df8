import { expect, test } from "bun:test";
import type { Credentials } from "../../../src/domain/credentials.ts";
import { createCredentialsEncoder, decodeCredentials } from "../../../src/rpc/credentials-bytes.ts";

const credentials: Credentials = {
  accessKeyId: "ASIA1",
  secretAccessKey: "secret",
  sessionToken: "token",
  issuedAtMs: 1_700_000_000_000,
  expiresAtMs: 1_700_003_600_000,
};

test("credentials arrive as they were sent", () => {
  expect(decodeCredentials(createCredentialsEncoder()(credentials))).toEqual(credentials);
});

test("credentials are encoded once, however many agents they are sent to, and others by themselves", () => {
  const encode = createCredentialsEncoder();

  const [first, second, other] = [
    encode(credentials),
    encode(credentials),
    encode({ ...credentials, accessKeyId: "B" }),
  ];

  expect(second).toBe(first);
  expect(decodeCredentials(other).accessKeyId).toBe("B");
});
