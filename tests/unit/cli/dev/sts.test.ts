import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { emulatedSts, realSts } from "../../../../src/cli/dev/sts.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { createFakeCommandIo } from "../../../fakes/command-io.ts";

const home = mkdtempSync(join(tmpdir(), "kiam-dev-sts-"));
beforeAll(() => mkdirSync(join(home, ".aws")));
afterAll(() => rmSync(home, { recursive: true }));

test("the emulator is asked where it says it is", async () => {
  const dev = await emulatedSts(createFakeCommandIo());
  if (dev.kind === "problem") {
    throw new Error(dev.problem);
  }
  await using sts = dev;

  const { accessKeyId } = await sts.sts.assumeRole(
    {
      ...{ roleArn: "arn:aws:iam::123456789012:role/reader", sessionName: "kiam-kiam", externalId: undefined },
      durationSeconds: 3600,
    },
    neverAborted(),
  );

  expect(accessKeyId).toMatch(/^ASIADEV[0-9A-F]{13}$/);
  expect(sts.guide).toEqual({ kind: "emulator", endpoint: sts.endpoint });
});

test.each([
  [{}, "https://sts.amazonaws.com", "us-east-1"],
  [{ AWS_REGION: "cn-north-1" }, "https://sts.cn-north-1.amazonaws.com.cn", "cn-north-1"],
])("the real one is the one that the environment names: %j", async (env, endpoint, region) => {
  const dev = await realSts(createFakeCommandIo({ HOME: home, ...env }));

  expect(dev).toMatchObject({ kind: "sts", endpoint, guide: { kind: "aws", region } });
});

test("a region that is none is a problem", async () => {
  const dev = await realSts(createFakeCommandIo({ HOME: home, AWS_REGION: "Europe" }));

  expect(dev).toEqual({ kind: "problem", problem: "AWS_REGION 'Europe' is not a region" });
});

test("a profile that would ask a metadata service is refused, unless the environment has keys", async () => {
  writeFileSync(join(home, ".aws/config"), "[profile ci]\nrole_arn = x\ncredential_source = Ec2InstanceMetadata\n");
  const keys = { AWS_ACCESS_KEY_ID: "AKIADEV", AWS_SECRET_ACCESS_KEY: "dev" };

  const other = await realSts(createFakeCommandIo({ HOME: home }));
  const named = await realSts(createFakeCommandIo({ HOME: home, AWS_PROFILE: "ci" }));
  const withKeys = await realSts(createFakeCommandIo({ HOME: home, AWS_PROFILE: "ci", ...keys }));

  expect([other.kind, withKeys.kind]).toEqual(["sts", "sts"]);
  expect(named).toEqual({
    kind: "problem",
    problem: "--aws never asks a metadata service, and the AWS profile 'ci' would",
  });
});
