import type { Credentials } from "../../src/domain/credentials.ts";
import type { AssumeRole, IssueFailure, IssueResult } from "../../src/domain/issue.ts";
import { parseRoleArn } from "../../src/domain/role-arn.ts";
import { identityKey, type RoleIdentity } from "../../src/domain/role-identity.ts";
import type { Clock } from "../../src/runtime/clock.ts";

/** One call of AssumeRole that waits for its answer. */
export interface StsCall {
  readonly identity: RoleIdentity;
  readonly signal: AbortSignal;
  /** Answers with credentials that last `lifetimeMs`, an hour where absent. */
  issue(lifetimeMs?: number): Credentials;
  fail(kind: IssueFailure["kind"], code?: string): void;
  breakWith(error: unknown): void;
}

export interface FakeSts {
  readonly assumeRole: AssumeRole;
  /** Every call ever made, in order. */
  readonly calls: readonly StsCall[];
  /** Calls that wait for an answer now; the most that ever did; the most that ever did of one identity. */
  readonly up: number;
  readonly mostUp: number;
  readonly mostUpOfOne: number;
  /** What becomes of the calls from now on, as they come. Where nothing was said they wait for the test. */
  onCall(answer: (call: StsCall) => void): void;
}

const hourMs = 3_600_000;

/** STS without a network. Access keys name the identity that they were issued for: see {@link keyNames}. */
export function createFakeSts(clock: Clock): FakeSts {
  const calls: StsCall[] = [];
  const up = new Map<string, number>();
  let answer: (call: StsCall) => void = () => {};
  let allUp = 0;
  let mostUp = 0;
  let mostUpOfOne = 0;

  function count(key: string, change: 1 | -1): void {
    const ofOne = (up.get(key) ?? 0) + change;
    up.set(key, ofOne);
    allUp += change;
    mostUpOfOne = Math.max(mostUpOfOne, ofOne);
    mostUp = Math.max(mostUp, allUp);
  }

  return {
    calls,
    get up() {
      return allUp;
    },
    get mostUp() {
      return mostUp;
    },
    get mostUpOfOne() {
      return mostUpOfOne;
    },
    onCall(how) {
      answer = how;
    },
    async assumeRole(identity, signal) {
      const key = identityKey(identity);
      const serial = calls.length;
      const { promise, resolve, reject } = Promise.withResolvers<IssueResult>();
      const call: StsCall = {
        identity,
        signal,
        issue(lifetimeMs = hourMs) {
          const credentials = credentialsFor(identity, serial, clock.now(), lifetimeMs);
          resolve({ kind: "issued", credentials });
          return credentials;
        },
        fail: (kind, code = kind) => resolve({ kind: "failed", failure: { kind, code, message: `${code}, said STS` } }),
        breakWith: reject,
      };
      calls.push(call);
      count(key, 1);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      answer(call);
      return promise.finally(() => count(key, -1));
    },
  };
}

function credentialsFor(identity: RoleIdentity, serial: number, issuedAtMs: number, lifetimeMs: number): Credentials {
  return {
    accessKeyId: `ASIA-${identityKey(identity)}-${serial}`,
    secretAccessKey: `secret-${serial}`,
    sessionToken: `token-${serial}`,
    issuedAtMs,
    expiresAtMs: issuedAtMs + lifetimeMs,
  };
}

/** Whether the credentials were issued for the identity and no other. */
export function keyNames(credentials: Credentials, identity: RoleIdentity): boolean {
  return credentials.accessKeyId.startsWith(`ASIA-${identityKey(identity)}-`);
}

/** An identity of account 123456789012. */
export function identityOf(name: string): RoleIdentity {
  const role = parseRoleArn(`arn:aws:iam::123456789012:role/${name}`);
  if (role === undefined) {
    throw new Error(`${name} is not a role's name`);
  }
  return { role, sessionName: "kiam-kiam" };
}

export interface FakeStsServer extends AsyncDisposable {
  readonly url: string;
  /** The forms that were posted, in order. */
  readonly requests: readonly URLSearchParams[];
  /** The access key that each of them was signed with. */
  readonly signers: readonly string[];
}

/** STS over HTTP on a free port of the loopback; each request is answered by what the function makes of its form. */
export function serveFakeSts(answer: (form: URLSearchParams) => Response | Promise<Response>): FakeStsServer {
  const requests: URLSearchParams[] = [];
  const signers: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const form = new URLSearchParams(await request.text());
      requests.push(form);
      signers.push(/Credential=([^/]+)\//.exec(request.headers.get("authorization") ?? "")?.[1] ?? "");
      return answer(form);
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    requests,
    signers,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

const xmlNamespace = "https://sts.amazonaws.com/doc/2011-06-15/";

/** As STS writes a success: `result` is what stands in `<AssumeRoleResult>`. */
export function assumeRoleXml(result: string): Response {
  return new Response(
    `<AssumeRoleResponse xmlns="${xmlNamespace}"><AssumeRoleResult>${result}</AssumeRoleResult></AssumeRoleResponse>`,
    { headers: { "content-type": "text/xml" } },
  );
}

export function credentialsXml(expiration: string, accessKeyId = "ASIAFAKE"): string {
  return `<Credentials><AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>fake-secret</SecretAccessKey>
    <SessionToken>fake-token</SessionToken><Expiration>${expiration}</Expiration></Credentials>`;
}

/** As STS says who somebody is. */
export function callerXml(arn: string): Response {
  return new Response(
    `<GetCallerIdentityResponse xmlns="${xmlNamespace}"><GetCallerIdentityResult><Arn>${arn}</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`,
    { headers: { "content-type": "text/xml" } },
  );
}

/** As STS writes an error. */
export function errorXml(status: number, code: string, message: string): Response {
  const type = status < 500 ? "Sender" : "Receiver";
  return new Response(
    `<ErrorResponse xmlns="${xmlNamespace}"><Error><Type>${type}</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`,
    { status, headers: { "content-type": "text/xml" } },
  );
}
