/** Errors of the language itself: where one of them comes out of a command, the program is wrong, not the world. */
const languageErrors: ReadonlySet<string> = new Set([
  "Error",
  "EvalError",
  "RangeError",
  "ReferenceError",
  "SyntaxError",
  "TypeError",
  "URIError",
]);

/**
 * A thrown thing for people: one line with its causes for what the world did (a system error, or an error of our own), the
 * stack for a mistake in the program. Never an error's other properties, which may hold anything, secrets included.
 */
export function describeFailure(thrown: unknown): string {
  const isMistake = thrown instanceof Error && languageErrors.has(thrown.name) && !("code" in thrown);
  return isMistake && thrown.stack !== undefined ? thrown.stack : inOneLine(thrown);
}

/** A thrown thing's message with those of its causes, on one line. */
export function inOneLine(thrown: unknown): string {
  const text = thrown instanceof Error ? messages(thrown).join(": ") : String(thrown);
  return text.replace(/\s*[\r\n]+\s*/g, " ");
}

/** Causes may go round: five say enough. */
const deepestCause = 5;

function messages(error: Error): readonly string[] {
  const found: string[] = [];
  let next: unknown = error;
  for (let depth = 0; depth < deepestCause && next instanceof Error; depth += 1) {
    const { message, cause } = next;
    if (!found.some((before) => before.includes(message))) {
      found.push(message);
    }
    next = cause;
  }
  return found;
}
