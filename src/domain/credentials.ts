/** Temporary credentials as STS issued them. Times are milliseconds since the Unix epoch. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/** Whether the credentials may still be handed out. */
export function isUnexpired(credentials: Credentials, nowMs: number): boolean {
  return nowMs < credentials.expiresAtMs;
}

/** Of two for one identity the one that expires later; the newly come one where they expire together. */
export function laterOf(held: Credentials | undefined, come: Credentials): Credentials {
  return held !== undefined && held.expiresAtMs > come.expiresAtMs ? held : come;
}
