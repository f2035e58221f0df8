import type { Credentials } from "../../domain/credentials.ts";

/**
 * Credentials as the metadata service writes them, in its order of fields.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
 */
export function credentialsDocument(credentials: Credentials): string {
  return JSON.stringify({
    Code: "Success",
    LastUpdated: timeText(credentials.issuedAtMs),
    Type: "AWS-HMAC",
    AccessKeyId: credentials.accessKeyId,
    SecretAccessKey: credentials.secretAccessKey,
    Token: credentials.sessionToken,
    Expiration: timeText(credentials.expiresAtMs),
  });
}

/** `2006-01-02T15:04:05Z`: some SDKs read no fractions of a second. */
export function timeText(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`;
}
