const pollEveryMs = 10;

/**
 * Resolves with the first value other than undefined that `look` gives; a `look` that throws counts as undefined.
 * For what only can be seen from outside, by asking again. Throws after `timeoutMs`, with what it waited for.
 */
export async function waitFor<T>(
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
  timeoutMs = 20_000,
): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs;
  let lastError: unknown;
  while (performance.now() < deadlineMs) {
    try {
      const seen = await look();
      if (seen !== undefined) {
        return seen;
      }
    } catch (error) {
      lastError = error;
    }
    await Bun.sleep(pollEveryMs);
  }
  throw new Error(`waited ${timeoutMs} ms for ${what}`, { cause: lastError });
}
