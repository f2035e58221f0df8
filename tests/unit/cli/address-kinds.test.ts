import { describe, expect, test } from "bun:test";
import { hostAddresses, httpUrl, listenAddress, plainHttpUrl, remoteAddress } from "../../../src/cli/address-kinds.ts";

describe("where to listen", () => {
  test.each([
    ["localhost:9610", { host: "localhost", port: 9610 }],
    [":9610", { host: "", port: 9610 }],
    ["0.0.0.0:0", { host: "0.0.0.0", port: 0 }],
    ["[::1]:9610", { host: "::1", port: 9610 }],
  ])("%s", (text, expected) => {
    const parsed = listenAddress.parse(text);

    expect(parsed).toEqual(expected);
  });

  test.each([
    "9610",
    "localhost",
    "localhost:",
    "localhost:65536",
    "::1:9610",
    "[localhost]:1",
    "a b:1",
    "[::1]",
    "x:1:2",
  ])("not %j", (text) => {
    const parsed = listenAddress.parse(text);

    expect(parsed).toBeUndefined();
  });
});

describe("where somebody else listens", () => {
  test("a host and a port are needed", () => {
    const parsed = ["kiam-server.kube-system.svc:443", "10.0.0.1:9610", ":9610", "kiam-server:0", "kiam-server"].map(
      remoteAddress.parse,
    );

    expect(parsed).toEqual([
      { host: "kiam-server.kube-system.svc", port: 443 },
      { host: "10.0.0.1", port: 9610 },
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe("the node's addresses", () => {
  test.each([
    ["10.0.0.1", ["10.0.0.1"]],
    ["10.0.0.1,fd00::1", ["10.0.0.1", "fd00::1"]],
    ["FD00::0:1,10.0.0.1", ["fd00::1", "10.0.0.1"]],
  ])("%s", (text, expected) => {
    const parsed = hostAddresses.parse(text);

    expect(parsed as unknown).toEqual(expected);
  });

  test.each(["10.0.0", "10.0.0.1,10.0.0.2", "10.0.0.1,", "10.0.0.1, fd00::1", "node-1", "fe80::1%eth0", ","])(
    "not %j",
    (text) => {
      const parsed = hostAddresses.parse(text);

      expect(parsed).toBeUndefined();
    },
  );
});

describe("an endpoint", () => {
  test.each([
    ["http://169.254.169.254", "http://169.254.169.254"],
    ["http://[fd00:ec2::254]/", "http://[fd00:ec2::254]"],
    ["https://STS.example.com:443/base/", "https://sts.example.com/base"],
  ])("%s", (text, expected) => {
    const parsed = httpUrl.parse(text);

    expect(parsed).toBe(expected);
  });

  test.each([
    "169.254.169.254",
    "ftp://x",
    "http://",
    "http://user@x",
    "http://:pw@x",
    "http://x?a=1",
    "http://x#f",
    "https:x",
  ])("not %j", (text) => {
    const parsed = httpUrl.parse(text);

    expect(parsed).toBeUndefined();
  });
});

test.each([
  ["http://[fd00:ec2::254]/", "http://[fd00:ec2::254]"],
  ["https://169.254.169.254", undefined],
  ["http://user@x", undefined],
])("%s as the metadata service's URL is %p", (text, expected) => {
  const parsed = plainHttpUrl.parse(text);

  expect(parsed).toBe(expected);
});
