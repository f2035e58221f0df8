/** A moment as the metadata service and the Go release write it: `2006-01-02T15:04:05Z`. @param ms since the Unix epoch */
export function rfc3339(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
