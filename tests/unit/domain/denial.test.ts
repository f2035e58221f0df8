import { expect, test } from "bun:test";
import { type Denial, explain } from "../../../src/domain/denial.ts";
import { aRole } from "../../fakes/roles.ts";

const role = aRole("arn:aws:iam::123456789012:role/reader");

test.each<[Denial, string]>([
  [
    { kind: "role-mismatch", requested: "writer", annotated: "reader" },
    "requested 'writer' but annotated with 'reader', forbidden",
  ],
  [
    { kind: "namespace-forbids", pattern: ".*writer", role },
    "namespace policy expression '.*writer' forbids role 'arn:aws:iam::123456789012:role/reader'",
  ],
  [
    { kind: "namespace-forbids", pattern: "", role },
    "namespace policy expression '(empty)' forbids role 'arn:aws:iam::123456789012:role/reader'",
  ],
  [
    { kind: "malformed-pattern", pattern: "a)|(?:.*", problem: "unexpected )" },
    "namespace policy expression 'a)|(?:.*' is not usable: unexpected )",
  ],
  [{ kind: "malformed-role", annotated: "a b" }, "annotation 'a b' is not a role"],
  [{ kind: "mirror-pod" }, "a static pod's mirror gets no role: its node could annotate it at will"],
  [
    { kind: "servers-own-role", role },
    "role 'arn:aws:iam::123456789012:role/reader' is the kiam server's own and is never issued",
  ],
])("%p is explained in one sentence", (denial, sentence) => {
  expect(explain(denial)).toBe(sentence);
});

test("of long text the beginning is shown, in whole characters", () => {
  const sentence = explain({ kind: "malformed-role", annotated: `${"a".repeat(255)}🙂${"b".repeat(5000)}` });

  expect(sentence.length).toBeLessThan(300);
  expect(sentence).toEndWith("aa\uFFFD…' is not a role");
  expect(sentence.isWellFormed()).toBeTrue();
});
