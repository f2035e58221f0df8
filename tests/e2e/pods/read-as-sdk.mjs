// Gets its role's credentials from 169.254.169.254 again and again, each time from the beginning and on a connection of its
// own, as boto3 does: it asks for an IMDSv2 token, goes on without one where it gets none, asks for its role's name, then for
// the credentials. Each request has a second, as SDKs give it. Tells of each time in a line of JSON: when it began, how long it
// took, and the role with the key, or why there was none.
import { request } from "node:http";

const perSecond = Number(process.argv[2]);
const timeoutMs = 1000;
const path = "/latest/meta-data/iam/security-credentials/";

async function read() {
  const startedMs = Date.now();
  const beginning = performance.now();
  const outcome = await credentials().catch((error) => ({ error: error.code ?? error.message }));
  process.stdout.write(`${JSON.stringify({ startedMs, tookMs: performance.now() - beginning, ...outcome })}\n`);
}

async function credentials() {
  const headers = await token();
  const listed = await ask("GET", path, headers);
  if (listed.status !== 200) {
    return refused(listed);
  }
  const role = listed.body;
  const answer = await ask("GET", `${path}${role}`, headers);
  const key = /"AccessKeyId" ?: ?"([^"]+)"/.exec(answer.body)?.[1];
  return key === undefined ? refused(answer) : { status: answer.status, role, key };
}

const refused = ({ status, body }) => ({ status, body: body.slice(0, 200) });

/** botocore takes these as the sign that there are no tokens. */
const withoutTokens = [400, 403, 404, 405];

async function token() {
  const answer = await ask("PUT", "/latest/api/token", { "x-aws-ec2-metadata-token-ttl-seconds": "21600" });
  if (answer.status === 200) {
    return { "x-aws-ec2-metadata-token": answer.body };
  }
  if (withoutTokens.includes(answer.status)) {
    return {};
  }
  throw new Error(`the token: ${answer.status} ${answer.body.slice(0, 200)}`);
}

function ask(method, target, headers) {
  const { promise, resolve, reject } = Promise.withResolvers();
  const to = { host: "169.254.169.254", path: target, method, headers, agent: false };
  const sent = request({ ...to, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
    let body = "";
    response.setEncoding("utf8").on("data", (part) => {
      body += part;
    });
    response.on("error", reject).on("end", () => resolve({ status: response.statusCode, body }));
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
