import { expect, test } from "bun:test";
import {
  interfacePattern,
  iptables,
  nodeName,
  region,
  roleBaseArn,
  serviceAccount,
} from "../../../src/cli/kiam-kinds.ts";

test.each(["cali+", "!eth0", "docker0", "vxlan.calico", "veth@if3", "+", "abcdefghijklmno"])(
  "%s is an interface",
  (text) => {
    const parsed = interfacePattern.parse(text);

    expect(parsed).toBe(text);
  },
);

test.each(["!", "", "eth 0", "eth0;x", "-i", "abcdefghijklmnop", "a+b", "!!eth0", "e/0", "eth0\n", "!-"])(
  "%j is not an interface",
  (text) => {
    const parsed = interfacePattern.parse(text);

    expect(parsed).toBeUndefined();
  },
);

test("the redirect is on, off, or on for one interface", () => {
  const parsed = ["true", "false", "cali+", "not an interface"].map(iptables.parse);

  expect(parsed).toEqual([{ kind: "on" }, { kind: "off" }, { kind: "on-interface", pattern: "cali+" }, undefined]);
});

test("a service account has a namespace and a name", () => {
  const parsed = ["kube-system/kiam-agent", "kiam-agent", "/x", "a/b/c", "A/b", "a.b/c", "a/b.c"].map(
    serviceAccount.parse,
  );

  expect(parsed).toEqual([
    { namespace: "kube-system", name: "kiam-agent" },
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    { namespace: "a", name: "b.c" },
  ]);
});

test("a node's name is what the API server takes for one", () => {
  const parsed = ["ip-10-0-0-1.eu-west-1.compute.internal", "Node", "a..b", "-a", "a_b", "a".repeat(254)].map(
    nodeName.parse,
  );

  expect(parsed).toEqual(["ip-10-0-0-1.eu-west-1.compute.internal", ...Array(5).fill(undefined)]);
});

test.each([
  "arn:aws:iam::123456789012:role/",
  "arn:aws-cn:iam::123456789012:role/prod-",
  "arn:aws:iam::123456789012:role/a/b/",
])("%s is the base of role ARNs", (text) => {
  const parsed = roleBaseArn.parse(text);

  expect(parsed).toBe(text);
});

test.each([
  "arn:aws:iam::123456789012:role",
  "arn:aws:iam::12345:role/",
  "arn:aws:iam::123456789012:user/",
  "123456789012",
  "arn:aws:iam::123456789012:role/a b",
])("%j is not the base of role ARNs", (text) => {
  const parsed = roleBaseArn.parse(text);

  expect(parsed).toBeUndefined();
});

test("a region looks like one", () => {
  const parsed = ["eu-west-1", "us-gov-west-1", "aws-global", "us-east-1-fips", "eu_west_1", "x", "a.b-1"].map(
    region.parse,
  );

  expect(parsed.map((found) => found !== undefined)).toEqual([true, true, true, true, false, false, false]);
});
