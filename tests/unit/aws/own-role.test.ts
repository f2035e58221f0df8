import { describe, expect, test } from "bun:test";
import { OwnCredentialsError } from "../../../src/aws/own-credentials-error.ts";
import { ownRole, roleOfCaller } from "../../../src/aws/own-role.ts";
import { neverAborted } from "../../../src/runtime/abort.ts";
import { identityOf } from "../../fakes/sts.ts";

describe("the role of a caller", () => {
  test.each([
    ["arn:aws:sts::123456789012:assumed-role/kiam-server/i-0abc", "arn:aws:iam::123456789012:role/kiam-server"],
    ["arn:aws-cn:sts::123456789012:assumed-role/kiam/botocore-1", "arn:aws-cn:iam::123456789012:role/kiam"],
    ["arn:aws:iam::123456789012:user/operator", "none"],
    ["arn:aws:iam::123456789012:root", "none"],
    ["arn:aws:sts::123456789012:federated-user/x", "none"],
    ["", "none"],
  ])("of %p is %p", (arn, role) => {
    expect(roleOfCaller(arn) ?? "none").toBe(role);
  });
});

test("the server's role is who STS says it is", async () => {
  const sts = { callerArn: async () => "arn:aws:sts::123456789012:assumed-role/kiam-server/i-0abc" };

  const own = await ownRole(sts, neverAborted());

  expect(own).toEqual({ kind: "role", role: identityOf("kiam-server").role });
});

test("a server that runs as a user has no role", async () => {
  const arn = "arn:aws:iam::123456789012:user/operator";

  expect(await ownRole({ callerArn: async () => arn }, neverAborted())).toEqual({ kind: "not-a-role", arn });
});

test("not to be told is an outcome", async () => {
  const sts = {
    callerArn: async () => {
      throw new OwnCredentialsError(new Error("nothing in the chain"));
    },
  };

  const own = await ownRole(sts, neverAborted());

  expect(own.kind === "failed" && own.failure.kind).toBe("own-credentials");
});

test("giving up is not an outcome", async () => {
  const sts = { callerArn: () => Promise.reject(new Error("socket closed")) };

  await expect(ownRole(sts, AbortSignal.abort(new Error("stopping")))).rejects.toThrow("stopping");
});
