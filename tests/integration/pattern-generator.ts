import fc from "fast-check";

/** Roles of each form and partition that a pattern may meet. */
export const roles: readonly string[] = [
  "arn:aws:iam::123456789012:role/reader",
  "arn:aws:iam::123456789012:role/READER",
  "arn:aws:iam::123456789012:role/team/sub/reader",
  "arn:aws:iam::999999999999:role/k-s_K.S=+,@",
  "arn:aws-cn:iam::123456789012:role/a",
  "arn:aws-us-gov:iam::123456789012:role/team-a/db-writer-01",
  "arn:aws-iso-b:iam::000000000000:role/x:y!~(z)/q",
  `arn:aws:iam::123456789012:role/${"ab".repeat(60)}/${"ab".repeat(32)}`,
];

/** As operators of the Go release wrote them, its documentation and charts among them. */
const fromTheField: readonly string[] = [
  ".*",
  ".+",
  "",
  "^red.*$|^.red.*$",
  "reporting-.*",
  "arn:aws:iam::123456789012:role/.*",
  "arn:aws:iam::123456789012:role/*",
  "^arn:aws:iam::123456789012:role/(reader|writer)$",
  "arn:aws(-cn|-us-gov)?:iam::[0-9]{12}:role/team-.*",
  "arn:aws:iam::\\d{12}:role/[A-Za-z0-9_+=,.@-]+",
  ".*/subpath/.*",
  "(?i).*/reader",
  "reader|writer",
  "arn:.*reader|arn:.*writer",
  "[a-z-]+-prod",
  "^(?!arn).*$",
  "(.*)\\1",
  "**",
  "*",
  "\\Qarn:aws:iam::123456789012:role/team/sub/reader\\E",
];

/** What stands between spaces and ends of lines. */
const words = (text: string): readonly string[] => text.split(/\s+/);

/** With case ignored, these are an ASCII `s` and `k` too. */
const longS = "\u017f";
const kelvin = "\u212a";

const literals = words("a r s k K reader arn:aws: role/ team - : / 0 12 _ é").concat(" ", longS, kelvin);
const classes =
  words(String.raw`. \d \D \w \W \s \S [a-z] [^/] [a- []a] [^]a] [-a] [a-] [a\-z] [:alpha:] [[:alpha:]] [[:^digit:]/]
  [[:word:]-] [[:nothing:]] [\d_] [^\W] [z-a] [a-\d] [\Qa\E] \pN \PN \pL \p{Lu} \p{^Lu} \P{^Lu} \p{Greek}
  \pQ \p{ [\pN\PL] [\x{61}-\x{7a}] [^\x00-\x{10FFFF}] [[.a.]] [[=a=]]`).concat(`[K-${kelvin}]`);
const escapes =
  words(String.raw`\. \/ \: \- \_ \x41 \x{61} \x{110000} \x4 \101 \1 \8 \a \n \v \e \c \C \Z \z \A \b \B \G \Q \E \Qa|b\E
  \Q\E \ \é \h \R \u0041`);
const anchors = words(String.raw`^ $ \A \z \b \B`);
const groups =
  words(`( (?: (?P<n> (?<n> (?P<n (?P<> (?<= (?<! (?= (?! (?> (?i) (?i: (?s-i: (?U) (?m) (?ims) (?x) (?-i) (?i-) (?
  (?#c) )`);
const quantifiers = words("* + ? *? +? ?? {2} {0} {1,} {2,3} {0,1}? {,3} {2,1} {1000} {1001} {a} { } {3 *+ ++");

/** Anything at all, mostly no pattern. */
const soup = fc
  .array(fc.constantFrom(...literals, ...classes, ...escapes, ...anchors, ...groups, ...quantifiers, "|", ")", ")"), {
    maxLength: 9,
  })
  .map((parts) => parts.join(""));

/** What is mostly a pattern. */
const { grown } = fc.letrec<{ grown: string }>((tie) => ({
  grown: fc.oneof(
    { maxDepth: 4 },
    { weight: 4, arbitrary: fc.constantFrom(...literals, ...anchors) },
    { weight: 2, arbitrary: fc.constantFrom(...classes, "\\.", "\\x41", "\\Qa|b\\E", "(?i)", "(?s)", "(?U)", "(?m)") },
    { weight: 3, arbitrary: fc.tuple(tie("grown"), tie("grown")).map((parts) => parts.join("")) },
    { weight: 1, arbitrary: fc.tuple(tie("grown"), tie("grown")).map((parts) => parts.join("|")) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom("(", "(?:", "(?P<n>", "(?<m>", "(?i:", "(?s-i:", "(?U:", "(?m:"), tie("grown"))
        .map(([open, inner]) => `${open}${inner})`),
    },
    { weight: 2, arbitrary: fc.tuple(tie("grown"), fc.constantFrom(...quantifiers)).map((parts) => parts.join("")) },
  ),
}));

/** A role with parts of it replaced by what may stand for them: strict patterns that come near to matching. */
const nearMisses = fc
  .tuple(
    fc.constantFrom(...roles),
    fc.array(
      fc.tuple(
        fc.nat(),
        fc.nat(12),
        fc.constantFrom(".*", ".+", ".*?", "[^:]*", "\\d+", "\\w*", "(a|r|e)*", "[a-z/]{1,20}", ".", ""),
      ),
      { maxLength: 3 },
    ),
    fc.constantFrom("", "(?i)", "^", "(?s)", "(?U)", "nobody|", "(?m)^"),
    fc.constantFrom("", "$", "|nobody", "\\z", ".*", "\n", "x*"),
  )
  .map(([role, holes, before, after]) => {
    const cut = holes.reduce((text, [at, length, by]) => {
      const start = at % (text.length + 1);
      return text.slice(0, start) + by + text.slice(start + length);
    }, role);
    return before + cut + after;
  });

/** Patterns of every kind, well-formed Unicode, as annotations are. */
export const anyPattern: fc.Arbitrary<string> = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom(...fromTheField) },
  { weight: 3, arbitrary: soup },
  { weight: 4, arbitrary: grown },
  { weight: 4, arbitrary: nearMisses },
  // As version 4 compiled them.
  { weight: 1, arbitrary: grown.map((pattern) => `^${pattern}$`) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 12 }) },
);
