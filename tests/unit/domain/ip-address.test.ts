import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseIpAddress } from "../../../src/domain/ip-address.ts";
import { anAddress } from "../../fakes/pods.ts";

test.each([
  ["10.0.0.1", "10.0.0.1"],
  ["0.0.0.0", "0.0.0.0"],
  ["255.255.255.255", "255.255.255.255"],
  ["::ffff:10.0.0.1", "10.0.0.1"],
  ["::FFFF:0a00:0001", "10.0.0.1"],
  ["0:0:0:0:0:ffff:10.0.0.1", "10.0.0.1"],
  ["::ffff:255.255.255.255", "255.255.255.255"],
  ["::ffff:0.0.0.0", "0.0.0.0"],
  ["::0:0:0:0:10.0.0.1", "::a00:1"],
  ["64:ff9b::10.0.0.1", "64:ff9b::a00:1"],
  ["::1", "::1"],
  ["::", "::"],
  ["FD00:0:0::1", "fd00::1"],
  ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["fd00:ec2::254", "fd00:ec2::254"],
  ["::ffff:0:10.0.0.1", "::ffff:0:a00:1"],
])("%s is %s", (text, canonical) => {
  expect(parseIpAddress(text)).toBe(anAddress(canonical));
  expect(String(parseIpAddress(text))).toBe(canonical);
});

test.each([
  [""],
  ["localhost"],
  ["10.0.0"],
  ["10.0.0.256"],
  ["010.0.0.1"],
  ["0x0a.0.0.1"],
  ["167772161"],
  [" 10.0.0.1"],
  ["10.0.0.1\n"],
  ["10.0.0.1:80"],
  ["10.0.0.0/8"],
  ["[::1]"],
  ["fe80::1%eth0"],
  ["::1/64"],
  ["::g"],
  ["1::2::3"],
])("%p is no address", (text) => {
  expect(parseIpAddress(text)).toBeUndefined();
});

test("an address is equal to itself however it is written", () => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const address = parseIpAddress(text);
      expect(address).toBeDefined();
      expect(parseIpAddress(text.toUpperCase())).toBe(anAddress(text));
      expect(parseIpAddress(String(address))).toBe(anAddress(text));
    }),
  );
});
