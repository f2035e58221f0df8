import type { Credentials } from "../../domain/credentials.ts";
import { rfc3339 } from "../../domain/rfc3339.ts";

/**
 * Credentials as the metadata service writes them, in its order of fields.
 * @param accountId for the extended form
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
 */
export function credentialsDocument(credentials: Credentials, accountId?: string): string {
  return JSON.stringify({
    Code: "Success",
    LastUpdated: rfc3339(credentials.issuedAtMs),
    Type: "AWS-HMAC",
    AccessKeyId: credentials.accessKeyId,
    SecretAccessKey: credentials.secretAccessKey,
    Token: credentials.sessionToken,
    Expiration: rfc3339(credentials.expiresAtMs),
    ...(accountId === undefined ? {} : { AccountId: accountId }),
  });
}
