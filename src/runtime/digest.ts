import { createHash } from "node:crypto";

/** Stands for a text, of whatever length, where it is only to be told whether it is another: 43 characters. */
export function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}
