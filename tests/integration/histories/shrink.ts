/** The shortest part of a list that still fails, leaving out ever smaller pieces of it. */
export async function shrunk<T>(
  whole: readonly T[],
  fails: (part: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  let smallest = whole;
  for (let size = Math.ceil(whole.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    let at = 0;
    while (at < smallest.length) {
      const part = [...smallest.slice(0, at), ...smallest.slice(at + size)];
      if (await fails(part)) {
        smallest = part;
      } else {
        at += size;
      }
    }
  }
  return smallest;
}
