/**
 * The instance metadata service of a lab's node: IMDSv1 and v2 on port 80 of the addresses in argv, its keys for every
 * spelling of a path, and on the Unix socket before them what the test asks: `GET /requests`, `DELETE /requests`,
 * `PUT /tokens/required`, `PUT /tokens/optional`.
 */
import { randomUUID } from "node:crypto";
import { lenientPath } from "../../fixtures/lenient-path.ts";
import { canary } from "./canary.ts";

interface Recorded {
  readonly client: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

const [socket = "", ...hostnames] = process.argv.slice(2);
const requests: Recorded[] = [];
const tokens = new Set<string>();
let tokensRequired = false;

const text = (body: string, status = 200, headers: Record<string, string> = {}) =>
  new Response(body, { status, headers: { "Content-Type": "text/plain", Server: "EC2ws", ...headers } });

function documents(): Readonly<Record<string, string>> {
  const at = (ms: number) => new Date(Date.now() + ms).toISOString().replace(/\.\d+Z$/, "Z");
  const role = "/latest/meta-data/iam/security-credentials/";
  const keys = JSON.stringify({
    Code: "Success",
    LastUpdated: at(0),
    Type: "AWS-HMAC",
    AccessKeyId: canary.accessKeyId,
    SecretAccessKey: canary.secretAccessKey,
    Token: canary.token,
    Expiration: at(6 * 3600 * 1000),
  });
  return {
    "/latest/meta-data/": "ami-id\nhostname\niam/\ninstance-id\nlocal-ipv4\nplacement/",
    "/latest/meta-data/ami-id": "ami-0abcdef1234567890",
    "/latest/meta-data/hostname": "ip-10-250-2-1.ec2.internal",
    "/latest/meta-data/instance-id": "i-0123456789abcdef0",
    "/latest/meta-data/placement/availability-zone": "us-east-1a",
    "/latest/meta-data/placement/region": "us-east-1",
    "/latest/dynamic/instance-identity/document": JSON.stringify({ accountId: "123456789012", region: "us-east-1" }),
    "/latest/meta-data/iam/info": JSON.stringify({
      Code: "Success",
      LastUpdated: at(0),
      InstanceProfileArn: `arn:aws:iam::123456789012:instance-profile/${canary.roleName}`,
      InstanceProfileId: "AIPACANARYNODE000000",
    }),
    [role]: canary.roleName,
    [`${role}${canary.roleName}`]: keys,
    "/latest/meta-data/identity-credentials/ec2/security-credentials/ec2-instance": keys,
  };
}

function issueToken(request: Request): Response {
  const ttl = request.headers.get("x-aws-ec2-metadata-token-ttl-seconds") ?? "";
  const seconds = Number(ttl);
  if (request.headers.has("x-forwarded-for")) {
    return text("Forbidden", 403);
  }
  if (!(Number.isInteger(seconds) && seconds >= 1 && seconds <= 21_600)) {
    return text("Bad Request", 400);
  }
  const token = randomUUID();
  tokens.add(token);
  return text(token, 200, { "X-aws-ec2-metadata-token-ttl-seconds": ttl });
}

/** As lenient as any could be: under each version, in each spelling, each role's name. */
function meantBy(path: string): string {
  return lenientPath(path)
    .replace(/^.*(?=\/meta-data(\/|$))/, "/latest")
    .replace("/security-credentials-extended", "/security-credentials")
    .replace(/(?<=\/iam\/security-credentials\/).+$/, canary.roleName);
}

function answer(request: Request, path: string): Response {
  if (path === "/latest/api/token") {
    return request.method === "PUT" ? issueToken(request) : text("Method Not Allowed", 405);
  }
  const token = request.headers.get("x-aws-ec2-metadata-token");
  if (token === null ? tokensRequired : !tokens.has(token)) {
    return text("Unauthorized", 401);
  }
  const all = documents();
  const meant = meantBy(path);
  const body = all[path] ?? all[meant] ?? all[`${meant}/`];
  return body === undefined ? text("Not Found", 404) : text(body);
}

for (const hostname of hostnames) {
  Bun.serve({
    hostname,
    port: 80,
    fetch(request, server) {
      const path = new URL(request.url).pathname;
      const client = server.requestIP(request)?.address ?? "";
      requests.push({ client, method: request.method, path, headers: Object.fromEntries(request.headers) });
      return answer(request, path);
    },
  });
}
Bun.serve({
  unix: socket,
  fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/tokens/")) {
      tokensRequired = pathname === "/tokens/required";
    }
    return Response.json(request.method === "DELETE" ? requests.splice(0) : requests);
  },
});
process.stdout.write("listening\n");
