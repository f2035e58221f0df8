import { expect, test } from "bun:test";
import { readHeaders } from "../../../../src/agent/metadata/request.ts";

const nothing = { isForwarded: false, isFromWebPage: false };

test("the headers that matter are read whatever their case, the others are left", () => {
  const headers = readHeaders([
    "HOST",
    "169.254.169.254",
    "x-aws-EC2-metadata-token",
    "a-token",
    "X-aws-ec2-metadata-token-ttl-seconds",
    "60",
    "User-Agent",
    "boto3",
  ]);

  expect(headers).toEqual({ ...nothing, host: "169.254.169.254", token: "a-token", tokenTtlSeconds: "60" });
});

test.each([
  ["X-Forwarded-For", { ...nothing, isForwarded: true }],
  ["Origin", { ...nothing, isFromWebPage: true }],
  ["Sec-Fetch-Site", { ...nothing, isFromWebPage: true }],
  ["Forwarded", nothing],
  ["X-Real-Ip", nothing],
])("%s is noticed for what it is", (name, expected) => {
  const headers = readHeaders([name, "10.0.0.9"]);

  expect(headers).toEqual(expected);
});

test.each(["Host", "X-aws-ec2-metadata-token", "X-aws-ec2-metadata-token-ttl-seconds"])(
  "%s may not come twice",
  (name) => {
    const headers = readHeaders([name, "one", name.toLowerCase(), "two"]);

    expect(headers.problem).toBeDefined();
  },
);
