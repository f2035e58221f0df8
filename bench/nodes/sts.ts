import { sharedRole } from "./cluster.ts";
import { nowUs } from "./now.ts";

interface SyntheticSts extends AsyncDisposable {
  readonly url: string;
  /** The role of each call so far. */
  readonly calls: readonly string[];
}

/** The shared role's credentials last for the shortest session there is, so that they are renewed while one looks on. */
const sharedLifetimeMs = 900_000;
const lifetimeMs = 12 * 3_600_000;

/** About what a session token of STS weighs. */
const tokenBytes = 700;

/** Answers AssumeRole at once; the token says when. */
export function serveSts(): SyntheticSts {
  const calls: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const role = new URLSearchParams(await request.text()).get("RoleArn") ?? "";
      calls.push(role);
      const name = role.slice(role.lastIndexOf("/") + 1);
      const expiresAtMs = Date.now() + (name === sharedRole ? sharedLifetimeMs : lifetimeMs);
      return new Response(answer(name, calls.length, expiresAtMs), { headers: { "Content-Type": "text/xml" } });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    calls,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

function answer(name: string, serial: number, expiresAtMs: number): string {
  const token = `stamp-${nowUs()}-`.padEnd(tokenBytes, "x");
  const expiration = new Date(expiresAtMs).toISOString();
  return (
    `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>` +
    `<AccessKeyId>ASIABENCH${serial}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>` +
    `<SessionToken>${token}</SessionToken><Expiration>${expiration}</Expiration></Credentials>` +
    `<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/${name}/kiam</Arn><AssumedRoleId>A:kiam</AssumedRoleId>` +
    `</AssumedRoleUser></AssumeRoleResult><ResponseMetadata><RequestId>bench</RequestId></ResponseMetadata></AssumeRoleResponse>`
  );
}
