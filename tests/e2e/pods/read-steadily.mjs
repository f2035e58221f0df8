// What the programs have in common that read again and again in a pod.
import { request } from "node:http";

/** Sends a request on a connection of its own; gives status and body. Rejects where there is no answer in time. */
export function ask(target, options, timeoutMs) {
  const { promise, resolve, reject } = Promise.withResolvers();
  const sent = request(target, { ...options, agent: false, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
    let body = "";
    response.setEncoding("utf8").on("data", (part) => {
      body += part;
    });
    response.on("error", reject).on("end", () => resolve({ status: response.statusCode, body }));
  });
  sent.on("error", reject).end();
  return promise;
}

/** What an answer came to: its key, or the beginning of what was said instead. */
export function outcomeOf({ status, body }, more = {}) {
  const key = /"AccessKeyId" ?: ?"([^"]+)"/.exec(body)?.[1];
  return key === undefined ? { status, body: body.slice(0, 200) } : { status, ...more, key };
}

/**
 * Reads at a steady rate until SIGTERM, whatever the reads before are at, and tells of each in a line of JSON: when it began, how long
 * it took, and its outcome, or why there was none.
 */
export function readSteadily(perSecond, read) {
  async function once() {
    const startedMs = Date.now();
    const beginning = performance.now();
    const outcome = await read().catch((error) => ({ error: error.code ?? error.message }));
    process.stdout.write(`${JSON.stringify({ startedMs, tookMs: performance.now() - beginning, ...outcome })}\n`);
  }

  const running = new Set();
  const ticking = setInterval(() => {
    const one = once().finally(() => running.delete(one));
    running.add(one);
  }, 1000 / perSecond);
  process.on("SIGTERM", async () => {
    clearInterval(ticking);
    await Promise.all(running);
    process.exit(0);
  });
}
