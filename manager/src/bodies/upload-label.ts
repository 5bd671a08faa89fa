/**
 * Browsers may send a path with a file's name. Only its last segment is kept (RFC 7578, section 4.2; RFC 6266, section 4.3).
 * A backslash cuts only a path that begins as those of Windows do, for elsewhere it is a character like any other.
 */
export function lastSegmentOf(path: string): string {
  const isWindowsPath = /^(?:[a-z]:\\|\\\\)/i.test(path)
  return path.slice(Math.max(path.lastIndexOf('/'), isWindowsPath ? path.lastIndexOf('\\') : -1) + 1)
}
