import { type InterfacePattern, parseInterfacePattern } from "../../../../src/agent/intercept/interface.ts";

/** A pattern that is known to be one. */
export function pattern(text: string): InterfacePattern {
  const parsed = parseInterfacePattern(text);
  if (parsed === undefined) {
    throw new Error(`${text} is no interface`);
  }
  return parsed;
}
