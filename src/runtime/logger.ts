/** Field names are the Go release's where it has them: `pod.name`, `pod.iam.role`, `credentials.expiration` … */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Where a part tells people what happens. No secret key, token or external id may ever be a field or in a message. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** Thrown things as one line of text. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
