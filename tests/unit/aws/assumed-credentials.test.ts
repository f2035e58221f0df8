import { expect, test } from "bun:test";
import { assumedCredentials } from "../../../src/aws/assumed-credentials.ts";
import { issueFailureOf } from "../../../src/aws/issue-failure.ts";
import { createFakeClock, settle } from "../../fakes/clock.ts";
import { createFakeSts, identityOf } from "../../fakes/sts.ts";

const hourMs = 3_600_000;

function acting() {
  const clock = createFakeClock();
  const sts = createFakeSts(clock);
  const warnings: string[] = [];
  const credentials = assumedCredentials({
    assumeRole: sts.assumeRole,
    identity: identityOf("kiam-server"),
    clock,
    onWarn: (message) => warnings.push(message),
  });
  return { clock, sts, warnings, credentials };
}

test("the role is assumed when credentials are first wanted, by one call for all who want them", async () => {
  const { sts, credentials } = acting();

  const wanted = [credentials(), credentials(), credentials()];
  const issued = sts.calls[0]?.issue();
  const got = await Promise.all(wanted);

  expect([sts.calls.length, sts.calls[0]?.identity.role]).toEqual([1, identityOf("kiam-server").role]);
  expect(new Set(got.map(({ accessKeyId }) => accessKeyId))).toEqual(new Set([issued?.accessKeyId ?? ""]));
  expect(got[0]?.expiration.getTime()).toBe(issued?.expiresAtMs ?? 0);
});

test("what is held serves until five minutes before its end, and while its successor is fetched", async () => {
  const { clock, sts, credentials } = acting();
  sts.onCall((call) => sts.calls.length === 1 && call.issue());
  const first = await credentials();

  await clock.advance(hourMs - 300_000);
  const early = await credentials();
  const callsBefore = sts.calls.length;
  await clock.advance(1);
  const late = [await credentials(), await credentials()];
  sts.calls[1]?.issue();
  await settle();
  const next = await credentials();

  expect([early, ...late].map(({ accessKeyId }) => accessKeyId)).toEqual(Array(3).fill(first.accessKeyId));
  expect([callsBefore, sts.calls.length]).toEqual([1, 2]);
  expect(next.accessKeyId).not.toBe(first.accessKeyId);
});

test("a successor that is refused takes nothing away, is asked for every ten seconds, and warned of once", async () => {
  const { clock, sts, warnings, credentials } = acting();
  sts.onCall((call) => (sts.calls.length === 1 ? call.issue() : call.fail("refused", "AccessDenied")));
  const first = await credentials();
  await clock.advance(hourMs - 60_000);

  const meanwhile: string[] = [];
  for (let second = 0; second < 30; second += 1) {
    meanwhile.push((await credentials()).accessKeyId);
    await clock.advance(1_000);
  }

  expect(new Set(meanwhile)).toEqual(new Set([first.accessKeyId]));
  expect(sts.calls.length).toBe(1 + 3);
  expect(warnings).toEqual([
    `--assume-role-arn ${identityOf("kiam-server").role} can't be assumed: AccessDenied: AccessDenied, said STS`,
  ]);
});

test("without any left, a refusal is the server's own trouble and no role's, and the next who wants them asks again", async () => {
  const { clock, sts, warnings, credentials } = acting();
  sts.onCall((call) => sts.calls.length < 3 && call.fail("refused", "AccessDenied"));

  const failures = [
    await credentials().catch((error: unknown) => issueFailureOf(error, undefined)),
    await credentials().catch((error: unknown) => issueFailureOf(error, undefined)),
  ];
  const later = credentials();
  sts.calls[2]?.issue();
  await later;
  await clock.advance(hourMs);
  const expired = credentials();
  sts.calls[3]?.fail("refused", "AccessDenied");

  expect(failures).toEqual(
    Array(2).fill({
      kind: "own-credentials",
      code: "AccessDenied",
      message: "the server can't assume the role that it is to act as (AccessDenied)",
    }),
  );
  await expect(expired).rejects.toThrow("can't assume");
  expect(warnings.length).toBe(2);
});
