import { expect, test } from "bun:test";
import { parseTarget, queriedAddress } from "../../../../src/agent/metadata/target.ts";

const roles = "/latest/meta-data/iam/security-credentials";

test.each(["latest", "1.0", "2021-07-15", "2007-01-19"])("version %s is one", (version) => {
  const target = parseTarget(`/${version}/meta-data/iam/security-credentials`);

  expect(target).toEqual({ kind: "role-name", form: "plain" });
});

test.each([roles, `${roles}/`, `${roles}?x=y`, `${roles}/?`])("%s asks for the role's name", (raw) => {
  const target = parseTarget(raw);

  expect(target).toEqual({ kind: "role-name", form: "plain" });
});

test.each([
  ["reader", "reader"],
  ["team/reader", "team/reader"],
  ["/team/reader", "/team/reader"],
  ["reader?x=y", "reader"],
  ["reader/", "reader/"],
  ["team%2Freader", "team/reader"],
  ["a%2fb", "a/b"],
  ["%2561", "%61"],
  ["arn:aws:iam::123456789012:role/reader", "arn:aws:iam::123456789012:role/reader"],
  ["a+b", "a+b"],
  ["..", ".."],
  ["%2e%2e/reader", "../reader"],
])("a role in the path as %s is %s: decoded once and never resolved", (encoded, role) => {
  const target = parseTarget(`${roles}/${encoded}`);

  expect(target).toEqual({ kind: "credentials", form: "plain", role });
});

test.each([
  ["/latest/meta-data/iam/security-credentials-extended", { kind: "role-name", form: "extended" }],
  ["/2021-07-15/meta-data/iam/security-credentials-extended/", { kind: "role-name", form: "extended" }],
  [
    "/latest/meta-data/iam/security-credentials-extended/team%2Freader",
    { kind: "credentials", form: "extended", role: "team/reader" },
  ],
  ["/latest/meta-data/iam/info", { kind: "instance-profile" }],
  ["/1.0/meta-data/iam/info/?x=y", { kind: "instance-profile" }],
] as const)("%s is for newer SDKs", (raw, expected) => {
  const target = parseTarget(raw);

  expect(target).toEqual(expected);
});

test.each([
  ["/ping", { kind: "ping" }],
  ["/ping?x", { kind: "ping" }],
  ["/health", { kind: "health", isDeep: false }],
  ["/health?deep=anything", { kind: "health", isDeep: true }],
  ["/health?deep", { kind: "health", isDeep: true }],
  ["/health?deeper=1", { kind: "health", isDeep: false }],
  ["/latest/api/token", { kind: "token", isLatest: true }],
  ["/2021-07-15/api/token", { kind: "token", isLatest: false }],
] as const)("%s", (raw, expected) => {
  const target = parseTarget(raw);

  expect(target).toEqual(expected);
});

test.each([
  "/",
  "/ping/",
  "//ping",
  "/Ping",
  "/%70ing",
  "/latest",
  "/latest/",
  "/latest/meta-data/",
  "/latest/meta-data/iam",
  "/latest/meta-data/iam/",
  "/latest/meta-data/iam/information",
  "/latest/meta-data/iam/info/x",
  "/latest/meta-data/iam/Info",
  "/latest/meta-data/iam/security-credentials-extendedX/reader",
  "/latest/meta-data/iam/security-credentialsX",
  "/latest/meta-data/iam//security-credentials/reader",
  "/latest//meta-data/iam/security-credentials/reader",
  "//latest/meta-data/iam/security-credentials/reader",
  "/latest/meta-data/iam/%73ecurity-credentials/reader",
  "/latest/meta-data/identity-credentials/ec2/security-credentials/ec2-instance",
  "/latest/./meta-data/iam/security-credentials/reader",
  "/../latest/meta-data/iam/security-credentials/reader",
  "/latest\\meta-data/iam/security-credentials/reader",
  "/a/b/meta-data/iam/security-credentials/reader",
  "/../meta-data/iam/security-credentials/reader",
  "/latest/api/token/",
  "/latest/user-data",
  "/latest/dynamic/instance-identity/document",
])("%s is none of it", (raw) => {
  const target = parseTarget(raw);

  expect(target).toEqual({ kind: "other" });
});

test.each([
  "",
  "*",
  "latest/meta-data",
  "http://169.254.169.254/latest/meta-data/iam/security-credentials/reader",
  "evil:443",
  "/ping#fragment",
  `${roles}/reader#`,
  `${roles}/a\0b`,
  "/ping\n",
  "/pi ng",
  "/ping\x7f",
  `${roles}/%zz`,
  `${roles}/%`,
  `${roles}/%ff`,
])("%p is malformed", (raw) => {
  const target = parseTarget(raw);

  expect(target.kind).toBe("malformed");
});

test("the address in a query is read, for development", () => {
  const queried = [
    queriedAddress("/ping?ip=10.0.0.1"),
    queriedAddress("/ping?x&ip=fd00%3A%3A1"),
    queriedAddress("/ping?i"),
  ];

  expect(queried).toEqual(["10.0.0.1", "fd00::1", undefined]);
});
