/** The Go release's buckets: 1 ms, doubled twelve times (4.096 s). */
export const goReleaseBucketsSeconds: readonly number[] = Array.from({ length: 13 }, (_, power) => 0.001 * 2 ** power);
