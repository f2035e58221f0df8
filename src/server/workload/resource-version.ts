const integer = /^(?:0|[1-9]\d*)$/;

/**
 * Whether an observation is newer than the one held. Resource versions are integers too long for a number, so the longer
 * is the greater; what is none (manifests that people write) always counts as newer.
 */
export function isNewer(come: string, held: string): boolean {
  if (!integer.test(come) || !integer.test(held)) {
    return true;
  }
  return come.length === held.length ? come > held : come.length > held.length;
}

/** Whether an observation is older than the one held. What is no version never counts as older. */
export function isOlder(come: string, held: string): boolean {
  return integer.test(come) && integer.test(held) && isNewer(held, come);
}

/** Whether two observations are of one version, and so of one content. What is no version tells nothing of the content. */
export function isSameVersion(come: string, held: string): boolean {
  return come === held && integer.test(held);
}
