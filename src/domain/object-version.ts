/**
 * How new a Kubernetes object is, among those of its kind: its resource version where that is an integer, which is
 * comparable since https://github.com/kubernetes/enhancements/issues/5504; else {@link incomparable}.
 */
export type ObjectVersion = bigint;

/** A version that nothing can be told from, of manifests that people write. */
export const incomparable: ObjectVersion = 0n;

const integer = /^[1-9]\d{0,19}$/;
const greatest = 2n ** 64n - 1n;

export function objectVersion(resourceVersion: string): ObjectVersion {
  const version = integer.test(resourceVersion) ? BigInt(resourceVersion) : incomparable;
  return version > greatest ? incomparable : version;
}

/** Negative where the first is older, positive where it is newer, `undefined` where nothing can be said. */
export function versionOrder(one: ObjectVersion, other: ObjectVersion): -1 | 0 | 1 | undefined {
  if (one === incomparable || other === incomparable) {
    return undefined;
  }
  return one === other ? 0 : one < other ? -1 : 1;
}

export function newerVersion(one: ObjectVersion, other: ObjectVersion): ObjectVersion {
  return one > other ? one : other;
}
