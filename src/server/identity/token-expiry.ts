/**
 * When a token says that it expires, in milliseconds since the Unix epoch: the `exp` of a JWT, whose signature is for others
 * to verify. `undefined` for what does not say so. https://www.rfc-editor.org/rfc/rfc7519#section-4.1.4
 */
export function tokenExpiryMs(token: string): number | undefined {
  const payload = token.split(".")[1] ?? "";
  let claims: unknown;
  try {
    claims = JSON.parse(Buffer.from(payload, "base64url").toString());
  } catch {
    return undefined;
  }
  const seconds = typeof claims === "object" && claims !== null && "exp" in claims ? claims.exp : undefined;
  return typeof seconds === "number" && Number.isFinite(seconds) ? seconds * 1000 : undefined;
}
