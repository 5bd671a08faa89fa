import { getSystemErrorMap } from 'node:util'

export function errorCodeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined
}

/**
 * Says what the operating system says, such as `no such file or directory (ENOENT)`, and gives other errors by their
 * message.
 */
export function systemReason(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  const errno = 'errno' in thrown && typeof thrown.errno === 'number' ? thrown.errno : 0
  const [code, words] = getSystemErrorMap().get(errno) ?? []
  return code === undefined ? thrown.message : `${words} (${code})`
}

/** Names the path that the user gave, whatever file the failing call was about. */
export class PathError extends Error {
  constructor(path: string, cause: unknown) {
    super(`${path}: ${systemReason(cause)}`, { cause })
  }
}
