import { expect, test } from "bun:test";
import { answeredByKiam, type MetadataAnswer } from "../../../src/aws/metadata-service.ts";
import { OwnCredentialsError } from "../../../src/aws/own-credentials-error.ts";
import { findRoleBase, roleBaseOf } from "../../../src/aws/role-base.ts";
import { neverAborted } from "../../../src/runtime/abort.ts";
import { createFakeClock } from "../../fakes/clock.ts";

const never = neverAborted();
const caller = "arn:aws-us-gov:sts::999999999999:assumed-role/kiam-server/i-0abc";
const profile = (arn: string): MetadataAnswer => ({
  kind: "found",
  text: JSON.stringify({ Code: "Success", InstanceProfileArn: arn, InstanceProfileId: "AIPA" }),
});
const lost: MetadataAnswer = { kind: "failed", problem: "PUT http://169.254.169.254/latest/api/token: lost" };

/** Both sources answer as the test says; the metadata service in order, its last answer again and again. */
function sources(answers: readonly MetadataAnswer[] | "off", sts: string | Error = caller) {
  const clock = createFakeClock();
  const warnings: string[] = [];
  const asked: string[] = [];
  const get = async (path: string) => {
    asked.push(path);
    return answers === "off" ? lost : (answers[Math.min(asked.length, answers.length) - 1] ?? lost);
  };
  const callerArn = async () => {
    asked.push("STS");
    if (sts instanceof Error) {
      throw sts;
    }
    return sts;
  };
  const find = async (signal = never) => {
    const finding = findRoleBase(
      {
        metadata: answers === "off" ? undefined : { get },
        sts: { callerArn },
        clock,
        onWarn: (message) => warnings.push(message),
      },
      signal,
    );
    await clock.advance(1_000);
    return await finding;
  };
  return { find, warnings, asked };
}

test.each([
  ["arn:aws:iam::123456789012:instance-profile/node", "arn:aws:iam::123456789012:role/"],
  ["arn:aws-cn:iam::123456789012:instance-profile/path/node", "arn:aws-cn:iam::123456789012:role/"],
  ["arn:aws-us-gov:sts::123456789012:assumed-role/a/b", "arn:aws-us-gov:iam::123456789012:role/"],
  ["arn:aws-iso-b:iam::123456789012:user/somebody", "arn:aws-iso-b:iam::123456789012:role/"],
  ["arn:aws-eusc:iam::123456789012:root", "arn:aws-eusc:iam::123456789012:role/"],
  ["arn:aws:sts::123456789012:federated-user/x", "arn:aws:iam::123456789012:role/"],
  ["arn:aws:s3:::bucket", undefined],
  ["arn:aws:iam::12345:user/x", undefined],
  ["arn:AWS:iam::123456789012:user/x", undefined],
  ["", undefined],
])("the base of %p is %p", (arn, base) => {
  expect(roleBaseOf(arn)).toBe(base);
});

test("the instance profile's account and partition are the base, and STS is not asked", async () => {
  const { find, asked } = sources([profile("arn:aws-cn:iam::123456789012:instance-profile/node")]);

  const found = await find();

  expect(found).toEqual({
    kind: "found",
    baseArn: "arn:aws-cn:iam::123456789012:role/",
    source: "the metadata service",
  });
  expect(asked).toEqual(["/latest/meta-data/iam/info"]);
});

test("the metadata service is asked three times before STS is, so that a lost packet makes no other base", async () => {
  const twice = sources([lost, lost, profile("arn:aws:iam::123456789012:instance-profile/node")]);
  const always = sources([lost]);

  const [told, fallenBack] = [await twice.find(), await always.find()];

  expect(told).toMatchObject({ kind: "found", source: "the metadata service" });
  expect(fallenBack).toEqual({ kind: "found", baseArn: "arn:aws-us-gov:iam::999999999999:role/", source: "STS" });
  expect(always.asked.length).toBe(4);
});

test.each<[string, MetadataAnswer]>([
  ["no instance profile", { kind: "not-found" }],
  ["no JSON", { kind: "found", text: "<html>" }],
  ["null", { kind: "found", text: "null" }],
  ["an ARN that is none", profile("somewhere")],
])("where the metadata service tells %s, STS is asked at once", async (_, answer) => {
  const { find, asked } = sources([answer]);

  expect(await find()).toMatchObject({ kind: "found", source: "STS" });
  expect(asked).toEqual(["/latest/meta-data/iam/info", "STS"]);
});

test("an agent that answers in its place is told of, with what to do", async () => {
  const { find, warnings } = sources([{ kind: "answered-by-kiam" }]);

  expect(await find()).toMatchObject({ source: "STS" });
  expect(warnings).toEqual([answeredByKiam]);
});

test("a metadata service that the environment turns off is not asked", async () => {
  const { find, asked } = sources("off");

  expect(await find()).toMatchObject({ source: "STS" });
  expect(asked).toEqual(["STS"]);
});

test.each<[string | Error, string]>([
  [
    new OwnCredentialsError(Object.assign(new Error("nothing"), { name: "CredentialsProviderError" })),
    "STS does not say who this is (CredentialsProviderError: the server has no AWS credentials of its own (CredentialsProviderError))",
  ],
  ["", "STS says that this is '', which is in no account"],
])("where neither tells, both reasons are in one line", async (sts, reason) => {
  const { find } = sources([lost], sts);

  expect(await find()).toEqual({
    kind: "failed",
    problem: `PUT http://169.254.169.254/latest/api/token: lost; ${reason}`,
  });
});

test("who gives up learns nothing", async () => {
  const { find } = sources([lost], new Error("socket closed"));

  await expect(find(AbortSignal.abort(new Error("stopping")))).rejects.toThrow("stopping");
});
