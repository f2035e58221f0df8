/**
 * When a JSON web token expires, by its own word: milliseconds since the Unix epoch; `undefined` where it does not say. The
 * token is the agent's own, and the server verifies it.
 * https://www.rfc-editor.org/rfc/rfc7519#section-4.1.4
 */
export function tokenExpiresAtMs(token: string): number | undefined {
  const [, payload = ""] = token.split(".");
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
    return typeof claims === "object" && claims !== null && "exp" in claims && typeof claims.exp === "number"
      ? claims.exp * 1_000
      : undefined;
  } catch {
    return undefined;
  }
}
