// Reads a URL at a steady rate, each time on a connection of its own, as an SDK that has just started does, and tells of
// each read in a line of JSON: when it began, how long it took, and the status with the key, or why there was none.
import { request } from "node:http";

const [url, perSecond] = [process.argv[2], Number(process.argv[3])];
const timeoutMs = 5000;

async function read() {
  const startedMs = Date.now();
  const beginning = performance.now();
  const outcome = await answer().catch((error) => ({ error: error.code ?? error.message }));
  process.stdout.write(`${JSON.stringify({ startedMs, tookMs: performance.now() - beginning, ...outcome })}\n`);
}

function answer() {
  const { promise, resolve, reject } = Promise.withResolvers();
  const sent = request(url, { agent: false, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
    let body = "";
    response.setEncoding("utf8").on("data", (part) => {
      body += part;
    });
    response.on("error", reject).on("end", () => {
      const key = /"AccessKeyId" ?: ?"([^"]+)"/.exec(body)?.[1];
      resolve({ status: response.statusCode, ...(key === undefined ? { body: body.slice(0, 200) } : { key }) });
    });
  });
  sent.on("error", reject).end();
  return promise;
}

const running = new Set();
const ticking = setInterval(() => {
  const one = read().finally(() => running.delete(one));
  running.add(one);
}, 1000 / perSecond);
process.on("SIGTERM", async () => {
  clearInterval(ticking);
  await Promise.all(running);
  process.exit(0);
});
