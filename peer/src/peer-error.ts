/** The user is told its one sentence. Any other error is a defect, or the system's. */
export class PeerError extends Error {
  override readonly name = 'PeerError'
}

/** @returns why something failed, for the end of a sentence */
export function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  if (thrown.name === 'AbortError') return 'interrupted'
  const { code } = thrown as NodeJS.ErrnoException
  const known = code === undefined ? undefined : systemReasons[code]
  if (known !== undefined) return `${known} (${code})`
  // fetch says only that it failed, and the cause says why.
  if (thrown.cause instanceof Error && thrown.message === 'fetch failed') return reasonOf(thrown.cause)
  return thrown.message === '' ? (code ?? thrown.name) : thrown.message
}

const systemReasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'access is denied',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of the path is no directory',
  ENOSPC: 'no space is left on the disk',
  EEXIST: 'something has that name',
  EADDRINUSE: 'the port is in use',
  EADDRNOTAVAIL: 'this machine does not have the address',
  ECONNREFUSED: 'nothing answers there',
  ENOTFOUND: 'there is no such host',
}
