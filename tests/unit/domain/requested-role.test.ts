import { expect, test } from "bun:test";
import fc from "fast-check";
import { mayBeSameRole, namesRole, type RoleNames } from "../../../src/domain/requested-role.ts";
import { nameBelowBase, resolveRole } from "../../../src/domain/role-arn.ts";
import { aRole } from "../../fakes/roles.ts";

const base = "arn:aws:iam::123456789012:role/";
const foreign = "arn:aws:iam::999999999999:role/reader";

function named(annotated: string, baseArn = base): RoleNames {
  const role = resolveRole(annotated, baseArn) ?? aRole(`${base}none`);
  return { annotated, role, nameBelowBase: nameBelowBase(role, baseArn) };
}

test.each([
  ["reader", "reader"],
  ["/reader", "reader"],
  ["reader", "/reader"],
  ["team/reader", "/team/reader"],
  [`${base}reader`, "reader"],
  ["reader", `${base}reader`],
  ["/reader", `${base}reader`],
  [foreign, foreign],
])("%s may be asked for %s", (requested, annotated) => {
  expect(namesRole(requested, named(annotated))).toBeTrue();
});

test.each([
  ["", "reader"],
  ["/", "reader"],
  ["writer", "reader"],
  ["Reader", "reader"],
  ["reader/", "reader"],
  ["//reader", "reader"],
  ["reader", "team/reader"],
  ["team/reader", "reader"],
  ["reader", foreign],
  [`/${foreign}`, foreign],
  [foreign, "reader"],
  [foreign, `/${foreign}`],
  ["reader%20", "reader"],
])("%p may not be asked for where the pod is annotated with %s", (requested, annotated) => {
  expect(namesRole(requested, named(annotated))).toBeFalse();
});

test("below a base that ends within the name, names are below it", () => {
  const names = named("reader", `${base}prod-`);

  expect(namesRole("reader", names)).toBeTrue();
  expect(namesRole(`${base}prod-reader`, names)).toBeTrue();
  expect(namesRole("prod-reader", names)).toBeFalse();
});

test("against a server that tells no name below the base, the annotated one still counts", () => {
  const names: RoleNames = { annotated: "/reader", role: aRole(`${base}reader`) };

  expect(namesRole("reader", names)).toBeTrue();
  expect(namesRole("", names)).toBeFalse();
});

test("telling without the base agrees with resolving by it", () => {
  const bases = [base, `${base}prod-`, `${base}team/`];
  const names = fc.constantFrom("reader", "prod-reader", "team/reader", "prod-", "team/", "a", "", foreign);
  const slashes = fc.constantFrom("", "/", "//", base, `${base}prod-`, `/${base}`);
  const anyText = fc.tuple(slashes, names).map((parts) => parts.join(""));

  fc.assert(
    fc.property(anyText, anyText, fc.constantFrom(...bases), (requested, annotated, baseArn) => {
      const role = resolveRole(annotated, baseArn);
      fc.pre(role !== undefined);
      const expected = resolveRole(requested, baseArn) === role;
      expect(namesRole(requested, named(annotated, baseArn))).toBe(expected);
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ["reader", "reader", true],
  ["/reader", "reader", true],
  ["reader", "/reader", true],
  ["reader", "writer", false],
  ["team/reader", "reader", false],
  ["arn:aws:iam::123456789012:role/reader", "reader", true],
  ["reader", "arn:aws:iam::123456789012:role/reader", true],
  ["writer", "arn:aws:iam::123456789012:role/reader", false],
  ["arn:aws:iam::123456789012:role/reader", "arn:aws:iam::210987654321:role/reader", false],
  ["arn:aws:iam::123456789012:role/reader", "", false],
])("without the base '%s' and '%s' may name one role: %p", (requested, annotated, may) => {
  expect(mayBeSameRole(requested, annotated)).toBe(may);
});
