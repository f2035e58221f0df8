// Gets its role's credentials from 169.254.169.254 again and again, each time from the beginning and on a connection of its
// own, as boto3 does: it asks for an IMDSv2 token, goes on without one where it gets none, asks for its role's name, then for
// the credentials. Each request has a second, as SDKs give it. argv: reads a second.
import { ask, outcomeOf, readSteadily } from "./read-steadily.mjs";

const timeoutMs = 1000;
const path = "/latest/meta-data/iam/security-credentials/";

async function credentials() {
  const headers = await token();
  const listed = await call("GET", path, headers);
  if (listed.status !== 200) {
    return outcomeOf(listed);
  }
  const role = listed.body;
  return outcomeOf(await call("GET", `${path}${role}`, headers), { role });
}

/** botocore takes these as the sign that there are no tokens. */
const withoutTokens = [400, 403, 404, 405];

async function token() {
  const answer = await call("PUT", "/latest/api/token", { "x-aws-ec2-metadata-token-ttl-seconds": "21600" });
  if (answer.status === 200) {
    return { "x-aws-ec2-metadata-token": answer.body };
  }
  if (withoutTokens.includes(answer.status)) {
    return {};
  }
  throw new Error(`the token: ${answer.status} ${answer.body.slice(0, 200)}`);
}

const call = (method, target, headers) => ask(`http://169.254.169.254${target}`, { method, headers }, timeoutMs);

readSteadily(Number(process.argv[2]), credentials);
