import { expect, test } from "bun:test";
import { accountOf, isSameRole, nameBelowBase, parseRoleArn, resolveRole } from "../../../src/domain/role-arn.ts";
import { aRole } from "../../fakes/roles.ts";

const base = "arn:aws:iam::123456789012:role/";

test.each([
  ["arn:aws:iam::123456789012:role/reader"],
  ["arn:aws-us-gov:iam::123456789012:role/reader"],
  ["arn:aws-cn:iam::123456789012:role/team/sub/reader"],
  ["arn:aws:iam::123456789012:role/a+b=c,d.e@f-g_h"],
  [`arn:aws:iam::123456789012:role/${"n".repeat(64)}`],
  [`arn:aws:iam::123456789012:role/${"p".repeat(510)}/${"n".repeat(64)}`],
  ["arn:aws:iam::123456789012:role/a:b!~/reader"],
])("%s is a role", (text) => {
  expect(parseRoleArn(text)).toBe(aRole(text));
});

test.each([
  [""],
  ["reader"],
  ["arn:aws:iam::123456789012:role/"],
  ["arn:aws:iam::123456789012:role//reader"],
  ["arn:aws:iam::123456789012:role/team/"],
  ["arn:aws:iam::12345678901:role/reader"],
  ["arn:aws:iam::1234567890123:role/reader"],
  ["arn:aws:iam:eu-west-1:123456789012:role/reader"],
  ["arn:aws:iam::123456789012:user/reader"],
  ["arn:aws:sts::123456789012:assumed-role/reader/session"],
  ["arn:aws:iam::123456789012:role/rea der"],
  ["arn:aws:iam::123456789012:role/te am/reader"],
  ["arn:aws:iam::123456789012:role/reader\n"],
  ["arn:aws:iam::123456789012:role/te\nam/reader"],
  ["\narn:aws:iam::123456789012:role/reader"],
  ["arn:aws:iam::123456789012:role/réader"],
  ["arn:aws:iam::123456789012:role/te\u0000am/reader"],
  ["arn:AWS:iam::123456789012:role/reader"],
  ["arn::iam::123456789012:role/reader"],
  [`arn:aws:iam::123456789012:role/${"n".repeat(65)}`],
  [`arn:aws:iam::123456789012:role/${"p".repeat(511)}/n`],
  [`arn:${"a".repeat(33)}:iam::123456789012:role/reader`],
  ["arn:aws:iam::१२३४५६७८९०१२:role/reader"],
])("%p is no role", (text) => {
  expect(parseRoleArn(text)).toBeUndefined();
});

test("a role of any length that others may write is told from none in linear time", () => {
  const startMs = performance.now();

  expect(parseRoleArn(`${base}${"a/".repeat(100_000)}!`)).toBeUndefined();
  expect(parseRoleArn(`arn:${"a".repeat(200_000)}`)).toBeUndefined();

  expect(performance.now() - startMs).toBeLessThan(200);
});

test.each([
  ["reader", `${base}reader`],
  ["/reader", `${base}reader`],
  ["team/reader", `${base}team/reader`],
  ["/team/reader", `${base}team/reader`],
  ["arn:aws-cn:iam::999999999999:role/other", "arn:aws-cn:iam::999999999999:role/other"],
])("%s resolves to %s", (named, resolved) => {
  expect(resolveRole(named, base)).toBe(aRole(resolved));
});

test.each([[""], ["/"], ["//reader"], ["arn:"], ["arn:aws:iam::1:role/reader"], [" reader"], ["reader/"], ["."]])(
  "%p resolves to no role, or to one by that very name",
  (named) => {
    expect(resolveRole(named, base)).toBe(named === "." ? aRole(`${base}.`) : undefined);
  },
);

test("a base may end within the name, and is then no role by itself", () => {
  expect(resolveRole("reader", `${base}prod-`)).toBe(aRole(`${base}prod-reader`));
  expect(resolveRole("", `${base}prod-`)).toBeUndefined();
  expect(resolveRole("/", `${base}prod-`)).toBeUndefined();
});

test("without a base only an ARN resolves", () => {
  expect(resolveRole("reader", "")).toBeUndefined();
  expect(resolveRole(`${base}reader`, "")).toBe(aRole(`${base}reader`));
});

test("a name that begins like an ARN after its slash stays below the base", () => {
  expect(resolveRole("/arn:aws:iam::999999999999:role/other", base)).toBe(
    aRole(`${base}arn:aws:iam::999999999999:role/other`),
  );
});

test.each([
  [`${base}team/reader`, base, "team/reader"],
  [`${base}prod-reader`, `${base}prod-`, "reader"],
  [`${base}reader`, `${base}prod-`, undefined],
  [`${base}prod-`, `${base}prod-`, undefined],
  [`${base}reader`, "", undefined],
  ["arn:aws:iam::999999999999:role/reader", base, undefined],
])("%s below %p is %p", (role, below, name) => {
  expect(nameBelowBase(aRole(role), below)).toBe(name);
});

test("the account is the ARN's", () => {
  expect(accountOf(aRole("arn:aws-cn:iam::999999999999:role/team/reader"))).toBe("999999999999");
});

test.each([
  ["reader", "reader", true],
  ["team/reader", "reader", true],
  ["team/reader", "other/READER", true],
  ["reader", "writer", false],
  ["reader/x", "reader", false],
])("%s and %s of one account are one role: %p", (one, other, same) => {
  expect(isSameRole(aRole(base + one), aRole(base + other))).toBe(same);
});

test("roles of two accounts are two", () => {
  expect(isSameRole(aRole(`${base}reader`), aRole("arn:aws:iam::999999999999:role/reader"))).toBeFalse();
});
