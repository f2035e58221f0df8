import { expect, test } from "bun:test";
import { addressBytes } from "../../../src/tls/address-bytes.ts";

test.each([
  ["10.0.200.1", "0a00c801"],
  ["::", "00000000000000000000000000000000"],
  ["::1", "00000000000000000000000000000001"],
  ["fd00:ec2::254", "fd000ec2000000000000000000000254"],
  ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
  ["fe80::", "fe800000000000000000000000000000"],
  ["::ffff:10.0.0.1", "00000000000000000000ffff0a000001"],
])("%s", (address, expected) => {
  expect(Buffer.from(addressBytes(address) ?? []).toString("hex")).toBe(expected);
});

test.each(["", "kiam-server", "10.0.0", "fe80::1%eth0", "[::1]"])("%p is no address", (text) => {
  expect(addressBytes(text)).toBeUndefined();
});
