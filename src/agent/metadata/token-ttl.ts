/** Six hours: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html */
export const longestTtlSeconds = 21_600;

/** Reads the TTL header: a whole number of seconds from 1 to 21600, else `undefined`. */
export function parseTtlSeconds(header: string | undefined): number | undefined {
  const seconds = header !== undefined && /^\d{1,5}$/.test(header) ? Number(header) : 0;
  return seconds >= 1 && seconds <= longestTtlSeconds ? seconds : undefined;
}
