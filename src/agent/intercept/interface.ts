/** Which interfaces pods' packets come in by: one (`eth0`), those that begin alike (`cali+`), or all but those (`!eth0`). */
export interface InterfacePattern {
  readonly inverted: boolean;
  /** As iptables takes it: a `+` at the end stands for any continuation. */
  readonly name: string;
}

/** The kernel's names are 15 characters at most and hold neither a slash nor white space. */
const form = /^(!?)((?=.{1,15}$)[^\s!/"'\\+-][^\s/"'\\+]*\+?|\+)$/;

/** Parses `--host-interface` and the value of `--iptables`. `!+`, which is no interface at all, is none. */
export function parseInterfacePattern(text: string): InterfacePattern | undefined {
  const [, inversion = "", name = ""] = form.exec(text) ?? [];
  const inverted = inversion === "!";
  return name === "" || (inverted && name === "+") ? undefined : { inverted, name };
}

/** As on the command line. */
export function formatInterface(pattern: InterfacePattern): string {
  return `${pattern.inverted ? "!" : ""}${pattern.name}`;
}

/** How many of the packets that come in by `ours` also come in by `theirs`. */
export function overlap(ours: InterfacePattern, theirs: InterfacePattern): "all" | "some" | "none" {
  return ours.inverted ? overlapOfInverted(ours.name, theirs) : overlapOfNamed(ours.name, theirs);
}

function overlapOfNamed(ours: string, theirs: InterfacePattern): "all" | "some" | "none" {
  if (covers(theirs.name, ours)) {
    return theirs.inverted ? "none" : "all";
  }
  if (covers(ours, theirs.name)) {
    return "some";
  }
  return theirs.inverted ? "all" : "none";
}

function overlapOfInverted(allBut: string, theirs: InterfacePattern): "all" | "some" | "none" {
  if (covers(allBut, theirs.name)) {
    return theirs.inverted ? "all" : "none";
  }
  return theirs.name === "+" ? "all" : "some";
}

/** What to warn of before redirecting by this pattern on a node that has these interfaces; `undefined` for nothing. */
export function interfaceWarning(pattern: InterfacePattern, present: readonly string[]): string | undefined {
  if (pattern.name === "+" || present.some((name) => covers(pattern.name, name))) {
    return undefined;
  }
  return pattern.inverted
    ? `no interface ${pattern.name} here: what comes in by any interface is redirected`
    : `no interface ${pattern.name} here yet: nothing is redirected until there is one`;
}

/** The names in /proc/net/dev: two lines of headings, then `  name: numbers`. */
export function parseInterfaceNames(procNetDev: string): readonly string[] {
  return procNetDev
    .split("\n")
    .slice(2)
    .map((line) => line.slice(0, line.lastIndexOf(":")).trim())
    .filter((name) => name !== "");
}

/** Whether every interface that `inner` names is one that `outer` names, too. */
function covers(outer: string, inner: string): boolean {
  return outer.endsWith("+") ? inner.startsWith(outer.slice(0, -1)) : outer === inner;
}
