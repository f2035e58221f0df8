import { expect, test } from "bun:test";
import { credentialsDocument } from "../../../../src/agent/credentials/document.ts";
import { someCredentials } from "../../../fakes/node-pods.ts";

test("credentials are written as the metadata service writes them, times in UTC without fractions", () => {
  const credentials = someCredentials({ issuedAtMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678) });

  const document = credentialsDocument(credentials);

  expect(document).toBe(
    '{"Code":"Success","LastUpdated":"2026-01-02T03:04:05Z","Type":"AWS-HMAC","AccessKeyId":"ASIAREADER",' +
      '"SecretAccessKey":"secret-of-reader","Token":"session-token-of-reader","Expiration":"2026-01-01T01:00:00Z"}',
  );
});
