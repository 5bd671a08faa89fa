import { join } from 'node:path'
import { StartError } from './run-service.ts'

export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return isSystemError(error) && codes.includes(error.code)
}

/** Turns what the system says of a directory into a sentence for the person who named it. Any other error stays as it is. */
export function explainDirectory(directory: string, error: unknown): unknown {
  if (!isSystemError(error)) return error
  const path = isInside(directory, error) ? error.path : directory
  const reason = error.code === 'EACCES' ? withoutRight(directory) : (reasons[error.code] ?? error.message)
  return new StartError(`${path} cannot be used (${error.code}): ${reason}.`, { cause: error })
}

/** Does as `explainDirectory` where the error names something in the directory, and leaves any other error as it is. */
export function explainInside(directory: string, error: unknown): unknown {
  return isSystemError(error) && isInside(directory, error) ? explainDirectory(directory, error) : error
}

const tooManyOpen = 'too many files are open; raise the limit (ulimit -n)'

const reasons: Readonly<Record<string, string>> = {
  EDQUOT: 'the quota is used up',
  EIO: 'the disk reports an error',
  ELOOP: 'its symbolic links lead in a circle',
  EMFILE: tooManyOpen,
  ENAMETOOLONG: 'its name is too long',
  ENFILE: tooManyOpen,
  ENOENT: 'it does not exist and cannot be made',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of it is a file, and a directory is needed there',
  EPERM: 'the system does not permit it; its file system may have no Unix sockets or hard links',
  EROFS: 'its file system is mounted read-only',
}

function withoutRight(directory: string): string {
  const uid = process.geteuid?.()
  if (uid === 0) return 'not even root has the right to it'
  const commands = `mkdir -p '${directory}' && chown -R ${uid}:${process.getegid?.()} '${directory}'`
  return `user ${uid} has no right to it; name another one, or as root: ${commands} (for a bind mount of Docker, on the host)`
}

interface SystemError extends Error {
  readonly code: string
  readonly path?: string
}

function isInside(directory: string, { path }: SystemError): boolean {
  return path === directory || path?.startsWith(join(directory, '/')) === true
}

function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string'
}
