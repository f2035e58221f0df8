/** STS takes 2 to 64 characters: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */
const longestSessionName = 64;

/** By characters, and not by the halves that JavaScript makes of some. */
const notAllowed = /[^A-Za-z0-9_+=,.@-]/gu;

/**
 * The RoleSessionName for a pod, as the Go release writes it: `kiam-` and the base, cut to 63 where it is longer than 64,
 * each character that STS refuses replaced by `-`.
 */
export function sessionName(base: string): string {
  const name = `kiam-${base}`.replace(notAllowed, "-");
  return name.length > longestSessionName ? name.slice(0, longestSessionName - 1) : name;
}
