import { expect, test } from "bun:test";
import { forwardablePath } from "../../../../src/agent/metadata/forwardable.ts";

test.each([
  "/",
  "/latest",
  "/latest/",
  "/latest/meta-data/",
  "/latest/meta-data/instance-id",
  "/2021-01-03/meta-data/placement/availability-zone",
  "/latest/meta-data/network/interfaces/macs/02:29:96:8f:6a:2d/subnet-id",
  "/latest/meta-data/tags/instance/a+b-c=d.e,f_g:h@i",
  "/latest/meta-data/tags/instance/..a",
  "/latest/meta-data/tags/instance/team-iam",
  "/latest/dynamic/instance-identity/rsa2048",
  "/latest/user-data",
  "/iamb/x",
])("%s may leave the node", (target) => {
  const path = forwardablePath(target);

  expect(path).toBe(target);
});

test("the query is no part of what leaves", () => {
  const path = forwardablePath("/latest/meta-data/instance-id?x=/../iam&y=%2f");

  expect(path).toBe("/latest/meta-data/instance-id");
});

test.each([
  "/latest/meta-data/%69am/info",
  "/latest//meta-data",
  "//latest",
  "/latest/meta-data//",
  "/latest/./x",
  "/latest/../x",
  "/latest/.",
  "/latest/..",
  "/latest/.../x",
  "/latest\\meta-data",
  "/latest/a;b",
  "/latest/a b",
  "/latest/a&b",
  "/latest/a~b",
  "/latest/é",
  "/latest/{x}",
  `/${"x".repeat(512)}`,
])("%s has a spelling that stays", (target) => {
  const path = forwardablePath(target);

  expect(path).toBeUndefined();
});

test.each([
  "/iam",
  "/latest/meta-data/iam",
  "/latest/meta-data/iam/",
  "/latest/meta-data/iam/info",
  "/latest/meta-data/IAM/info",
  "/2021-01-03/meta-data/iAm/security-credentials/node",
  "/latest/latest/meta-data/iam/info",
  "/x/y/z/iam/info",
  "/latest/meta-data/iam./info",
  "/latest/meta-data/.iam/info",
  "/latest/meta-data/i.a.m/info",
  "/latest/meta-data/_iam_/info",
  "/latest/meta-data:iam:info",
  "/latest/meta-data/x,iam",
  "/latest/meta-data/identity-credentials",
  "/latest/meta-data/identity-credentials/ec2/info",
  "/latest/meta-data/Identity-Credentials/ec2/security-credentials/ec2-instance",
  "/latest/meta-data/identity_credentials/",
  "/latest/meta-data/security-credentials/node",
  "/latest/meta-data/Security.Credentials-extended/node",
  "/latest/api/token",
  "/latest/latest/api/token",
  "/latest/API/token",
])("%s has to do with credentials, and stays", (target) => {
  const path = forwardablePath(target);

  expect(path).toBeUndefined();
});
