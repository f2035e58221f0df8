import { expect, test } from "bun:test";
import { createStsClient, givenKeys } from "../../../src/aws/sts-client.ts";
import { openServerAccount, type ServerAccountDeps } from "../../../src/cli/server-account.ts";
import { directly } from "../../../src/domain/egress.ts";
import { neverAborted } from "../../../src/runtime/abort.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import { createFakeCommandIo } from "../../fakes/command-io.ts";
import { serveInstanceMetadata } from "../../fakes/instance-metadata.ts";
import { createRecordingLogger } from "../../fakes/recording-logger.ts";
import { aRole } from "../../fakes/roles.ts";
import { assumeRoleXml, callerXml, credentialsXml, errorXml, serveFakeSts } from "../../fakes/sts.ts";

const never = neverAborted();
const base = "arn:aws:iam::123456789012:role/";
const flagsLeftOut = {
  roleBaseArn: base,
  roleBaseArnAutodetect: false,
  assumeRoleArn: undefined,
  sessionDurationMs: 3_600_000,
};
const wanted = {
  roleArn: `${base}reader`,
  sessionName: "kiam-kiam",
  externalId: undefined,
  durationSeconds: 3600,
};

/** STS that issues `ASIA-<role's name>`, except where the test says no, and what opens an account by it. */
function anAccount(flags: Partial<ServerAccountDeps["flags"]>, refused: readonly string[] = [], env = {}) {
  const io = createFakeCommandIo(env);
  const logger = createRecordingLogger();
  const sts = serveFakeSts((form) => {
    const role = form.get("RoleArn") ?? "";
    if (form.get("Action") === "GetCallerIdentity") {
      return callerXml("arn:aws-cn:sts::999999999999:assumed-role/node/i-0");
    }
    return refused.includes(role)
      ? errorXml(403, "AccessDenied", "not authorized")
      : assumeRoleXml(
          credentialsXml(new Date(io.clock.now() + 3_600_000).toISOString(), `ASIA-${role.split("/").at(-1)}`),
        );
  });
  const open = () =>
    openServerAccount({
      flags: { ...flagsLeftOut, ...flags },
      openSts: (credentials) =>
        createStsClient({
          endpoint: { url: sts.url, signingRegion: "us-east-1" },
          egress: directly,
          credentials: credentials.kind === "given" ? credentials : givenKeys("AKIAOWN", "own"),
          clock: systemClock,
          maxAttempts: 1,
        }),
      io,
      logger,
    });
  return { open, sts, logger, io };
}

async function opened(open: ReturnType<typeof anAccount>["open"]) {
  const account = await open();
  if (account.kind === "problem") {
    throw new Error(account.problem);
  }
  return account;
}

test("without --assume-role-arn pods' roles are assumed with the credentials that there are", async () => {
  const { open, sts } = anAccount({});
  await using _sts = sts;
  using account = await opened(open);

  await account.podsSts.assumeRole(wanted, never);

  expect([account.roleBaseArn, account.assumedRole]).toEqual([base, undefined]);
  expect(sts.signers).toEqual(["AKIAOWN"]);
});

test.each([["acting"], ["/acting"], [`${base}acting`]])(
  "--assume-role-arn %s is assumed once, and pods' roles with what came of it",
  async (assumeRoleArn) => {
    const { open, sts, io } = anAccount({ assumeRoleArn });
    await using _sts = sts;
    using account = await opened(open);

    await Promise.all([account.podsSts.assumeRole(wanted, never), account.podsSts.assumeRole(wanted, never)]);
    await account.ownSts.callerArn(never);

    expect(account.assumedRole).toBe(aRole(`${base}acting`));
    expect(sts.requests.map((form) => form.get("RoleArn"))).toEqual([
      `${base}acting`,
      wanted.roleArn,
      wanted.roleArn,
      null,
    ]);
    expect(sts.signers).toEqual(["AKIAOWN", "ASIA-acting", "ASIA-acting", "AKIAOWN"]);
    expect(sts.requests[0]?.get("RoleSessionName")).toBe(`kiam-${io.hostName}`);
    expect(sts.requests[0]?.get("DurationSeconds")).toBe("3600");
  },
);

test("that role refused is no fault of the pods' roles: none is asked for, and the log says what is wrong", async () => {
  const { open, sts, logger } = anAccount({ assumeRoleArn: "acting" }, [`${base}acting`]);
  await using _sts = sts;
  using account = await opened(open);

  const error = await account.podsSts.assumeRole(wanted, never).catch((thrown: unknown) => thrown);

  expect(error).toHaveProperty("name", "OwnCredentialsError");
  expect(sts.requests.map((form) => form.get("RoleArn"))).toEqual([`${base}acting`]);
  expect(logger.lines.map(({ level, message }) => [level, message])).toEqual([
    ["warn", `--assume-role-arn ${base}acting can't be assumed: AccessDenied: not authorized`],
  ]);
});

test("a name that makes no role below the base is refused before STS is asked", async () => {
  const { open, sts } = anAccount({ assumeRoleArn: "n".repeat(60), roleBaseArn: `${base}prod-` });
  await using _sts = sts;

  expect(await open()).toEqual({
    kind: "problem",
    problem: `--assume-role-arn '${"n".repeat(60)}' is not a role below ${base}prod-`,
    exitCode: 2,
  });
  expect(sts.requests).toEqual([]);
});

test.each([
  [{ assumeRoleArn: "acting", sessionDurationMs: 3_600_001 }, 1],
  [{ assumeRoleArn: "acting" }, 0],
  [{ sessionDurationMs: 7_200_000 }, 0],
])("%j: %i warnings of role chaining", async (flags, warnings) => {
  const { open, sts, logger } = anAccount(flags);
  await using _sts = sts;
  using _account = await opened(open);

  expect(
    logger.lines.filter(({ message }) => message.includes("refuses to a role that was itself assumed")).length,
  ).toBe(warnings);
});

test("a base that is found out wins over one that is given, and the role to assume is a name below it", async () => {
  await using instance = serveInstanceMetadata({
    "/latest/meta-data/iam/info": '{"InstanceProfileArn":"arn:aws-cn:iam::999999999999:instance-profile/node"}',
  });
  const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: instance.url };
  const { open, sts } = anAccount({ roleBaseArnAutodetect: true, assumeRoleArn: "acting" }, [], env);
  await using _sts = sts;

  using account = await opened(open);

  expect([account.roleBaseArn, account.assumedRole]).toEqual([
    "arn:aws-cn:iam::999999999999:role/",
    aRole("arn:aws-cn:iam::999999999999:role/acting"),
  ]);
  expect(sts.requests).toEqual([]);
});

test("where the metadata service is not to be asked, STS says the base, by the server's first credentials", async () => {
  const env = { AWS_EC2_METADATA_DISABLED: "true" };
  const flags = { roleBaseArn: undefined, roleBaseArnAutodetect: true, assumeRoleArn: `${base}acting` };
  const { open, sts } = anAccount(flags, [], env);
  await using _sts = sts;

  using account = await opened(open);

  expect(account.roleBaseArn).toBe("arn:aws-cn:iam::999999999999:role/");
  expect(sts.signers).toEqual(["AKIAOWN"]);
});
