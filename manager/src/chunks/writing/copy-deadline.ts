/**
 * @returns how long a file-server may take to read, to fetch or to sync so many bytes, at 4 MiB/s at least
 * @param leastMs what it may take however few they are
 */
export function copyDeadlineMs(sizeBytes: number, leastMs = 60_000): number {
  return leastMs + Math.ceil(sizeBytes / 4096)
}
