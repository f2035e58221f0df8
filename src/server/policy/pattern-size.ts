/**
 * An upper bound of what a pattern costs to compile, in instructions of the matcher, told from its text alone: `(a{1000}){1000}`
 * is fifteen characters long. A repetition may repeat all that stands before it, unless a single character does; what
 * looks like a group or a repetition counts as one even where it is quoted, so the bound is never too low.
 */
export function patternSize(pattern: string): number {
  let size = 0;
  let readTo = 0;
  for (const { 0: braces, 1: least = "", 2: most = "", index } of pattern.matchAll(/\{(\d+)(?:,(\d*))?\}/g)) {
    size += plainSize(pattern.slice(readTo, index + braces.length));
    readTo = index + braces.length;
    const times = Math.max(Number(least), Number(most), 1);
    size += endsInGroup(pattern.slice(0, index)) ? size * times : 2 * times;
  }
  return size + plainSize(pattern.slice(readTo));
}

/** `\E` ends a quotation, and an empty one (`\Q\E`) stands for nothing: what is repeated then stands before it. */
function endsInGroup(before: string): boolean {
  return before.endsWith(")") || before.endsWith("\\E");
}

/** Unicode classes are tables of hundreds of ranges, and ranges of Unicode take thousands of steps to fold the case of. */
const classSize = 50;
const unicodeSize = 1000;

function plainSize(part: string): number {
  const classes = part.match(/\\[pP]/g)?.length ?? 0;
  const unicode = part.match(/[^\0-\x7f]|\\x\{/g)?.length ?? 0;
  return part.length + classes * classSize + unicode * unicodeSize;
}
