/** What STS says of a signature goes on with lines of the signed request, session token included: only the first line is for others. */
export function firstLine(text: string): string {
  return text.trimStart().split(/[\r\n]/, 1)[0] ?? "";
}
