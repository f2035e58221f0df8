import { expect, test } from "bun:test";
import { comparer, isUnchanged } from "../../../../src/cli/permitted/compare.ts";

const roleBaseArn = "arn:aws:iam::123456789012:role/";

/** What version 3, version 4 and this kiam say. */
function verdicts(pattern: string, annotated: string, matching: "whole" | "anywhere" = "whole") {
  const compared = comparer({ roleBaseArn, matching })({ namespace: "team", pattern, annotated });
  return { said: [compared.v3, compared.v4, compared.now], isUnchanged: isUnchanged(compared) };
}

test.each([
  [".*", "reader", "allows allows allows"],
  [".*reader", "/team/reader", "allows allows allows"],
  ["writer", "reader", "denies denies denies"],
  ["", "reader", "allows denies denies"],
  // A name alone, which version 3 found anywhere in it.
  ["reader", "reader", "allows denies denies"],
  ["team-.*", "team-a", "allows denies denies"],
  ["^team-.*$", "team-a", "allows denies denies"],
  // An ARN, which version 3 never saw.
  [`${roleBaseArn}reader`, "reader", "denies allows allows"],
  [`${roleBaseArn}reader`, `${roleBaseArn}reader`, "allows allows allows"],
  [`${roleBaseArn}.*`, "/reader", "denies allows allows"],
  // Alternatives that version 4 anchored at one end each.
  ["arn:aws|nobody", "reader", "denies allows denies"],
  ["nobody|reader", "reader", "allows allows denies"],
  // What is no pattern.
  ["(", "reader", "denies denies denies"],
  // What is no role: version 4 asked STS for it.
  [".*", "a b", "allows allows denies"],
  [".*", "arn:aws:iam::1:role/x", "allows allows denies"],
])("%p says of %p: %s", (pattern, annotated, said) => {
  expect(verdicts(pattern, annotated)).toEqual({
    said: said.split(" ") as ReturnType<typeof verdicts>["said"],
    isUnchanged: new Set(said.split(" ")).size === 1,
  });
});

test("servers that match a part are compared with a version 4 that does", () => {
  expect(verdicts("reader", "reader", "anywhere").said).toEqual(["allows", "allows", "allows"]);
  expect(verdicts("^reader", "reader", "anywhere").said).toEqual(["allows", "denies", "denies"]);
});
