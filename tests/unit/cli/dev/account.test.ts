import { expect, test } from "bun:test";
import { OwnCredentialsError } from "../../../../src/aws/own-credentials-error.ts";
import { callersAccount } from "../../../../src/cli/dev/account.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { createFakeClock } from "../../../fakes/clock.ts";

const endpoint = "https://sts.example";

function accountOf(callerArn: (signal: AbortSignal) => Promise<string>, signal = neverAborted()) {
  return callersAccount({ sts: { callerArn }, endpoint }, createFakeClock(), signal);
}

test.each([
  ["arn:aws:iam::111122223333:user/dev", "arn:aws:iam::111122223333:role/", []],
  [
    "arn:aws-cn:sts::111122223333:assumed-role/developer/me",
    "arn:aws-cn:iam::111122223333:role/",
    ["arn:aws-cn:iam::111122223333:role/developer"],
  ],
])("roles are taken to be in the account of %s", async (arn, roleBaseArn, ownRoles) => {
  const account = await accountOf(async () => arn);

  expect(account).toEqual({ kind: "account", roleBaseArn, ownRoles } as never);
});

test("an answer that names no account is said to be none", async () => {
  const account = await accountOf(async () => "arn:aws:iam:::root");

  expect(account).toEqual({
    kind: "problem",
    problem: "STS at https://sts.example says this is 'arn:aws:iam:::root', which is in no account",
  });
});

test("who has no credentials is told where they are looked for", async () => {
  const account = await accountOf(async () => {
    throw new OwnCredentialsError(new Error("no profile\nnamed default"));
  });

  expect(account).toEqual({
    kind: "problem",
    problem: "no AWS credentials (no profile named default): --aws takes them from AWS_ variables or ~/.aws only",
  });
});

test("a STS that can't be asked is named", async () => {
  const account = await accountOf(() => Promise.reject(new Error("connect ECONNREFUSED")));

  expect(account).toEqual({
    kind: "problem",
    problem: "STS at https://sts.example can't be asked: connect ECONNREFUSED",
  });
});

test("a STS that says nothing is given ten seconds, whether or not it heeds the signal", async () => {
  const clock = createFakeClock();
  const sts = { callerArn: () => new Promise<string>(() => undefined) };
  const account = callersAccount({ sts, endpoint }, clock, neverAborted());

  await clock.advance(9_999);
  expect(clock.timers).toBe(1);
  await clock.advance(1);

  expect(await account).toEqual({
    kind: "problem",
    problem: "STS at https://sts.example can't be asked: no answer within 10000 ms",
  });
  expect(clock.timers).toBe(0);
});

test("whoever is stopped meanwhile does not wait for it", async () => {
  const stopping = new AbortController();
  const account = accountOf(() => new Promise(() => undefined), stopping.signal);

  stopping.abort(new Error("stopped by SIGINT"));

  expect((await account).kind).toBe("problem");
});
