import { expect, test } from "bun:test";
import { isOwnHost } from "../../../../src/agent/metadata/host.ts";
import { anAddress } from "../../../fakes/pods.ts";

const node = { address: anAddress("192.168.0.1"), port: 3100 };
const node6 = { address: anAddress("fd12::1"), port: 3100 };
const loopback = { address: anAddress("127.0.0.1"), port: 3100 };

test.each([
  undefined,
  "169.254.169.254",
  "169.254.169.254:80",
  "169.254.169.254:3100",
  "[fd00:ec2::254]",
  "[fd00:ec2::254]:80",
  "[FD00:EC2::254]",
  "instance-data",
  "instance-data.ec2.internal",
  "Instance-Data.ec2.internal:80",
  "192.168.0.1",
  "192.168.0.1:80",
  "192.168.0.1:3100",
])("host %p is the service's", (header) => {
  const isOwn = isOwnHost(header, node);

  expect(isOwn).toBe(true);
});

test.each([
  "",
  "evil.example",
  "evil.example:80",
  "169.254.169.254.evil.example",
  "169.254.169.254:81",
  "169.254.169.254:",
  "169.254.169.254:80:80",
  " 169.254.169.254",
  "x@169.254.169.254",
  "192.168.0.2",
  "192.168.0.1:8080",
  "instance-data.evil.example",
  "localhost",
  "127.0.0.1",
  "[::ffff:192.168.0.2]",
  "[fd12::1]",
])("host '%s' is not", (header) => {
  const isOwn = isOwnHost(header, node);

  expect(isOwn).toBe(false);
});

test("an IPv6 address of the agent is its own however it is written", () => {
  const isOwn = ["[fd12::1]", "[FD12:0::1]:3100", "[fd12::2]"].map((header) => isOwnHost(header, node6));

  expect(isOwn).toEqual([true, true, false]);
});

test("on loopback the agent is localhost too", () => {
  const isOwn = ["localhost:3100", "127.0.0.1:3100", "localhost.evil.example"].map((header) =>
    isOwnHost(header, loopback),
  );

  expect(isOwn).toEqual([true, true, false]);
});
