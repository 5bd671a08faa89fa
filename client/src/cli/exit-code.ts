import { type ErrorName, errorRow } from '@holdfast/shared/errors/error-table'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { errorCodeOf, systemReason } from '../node/system-error.ts'

export const exitCodes = {
  error: 1,
  usage: 2,
  notFound: 3,
  exists: 4,
  tryLater: 5,
  interrupted: 130,
  /** Shells report a death by SIGPIPE with this code. */
  closedPipe: 141,
} as const

export const exitCodeHelp = `
Exit codes:
  0    done
  1    failed
  2    wrong use of the command
  3    the file does not exist
  4    the name is taken, in the store or on this disk
  5    not possible at the moment; the same command may succeed later
  130  interrupted
  141  the reader of the file's bytes went away`

const byName: Partial<Record<ErrorName, number>> = {
  FILE_NOT_FOUND: exitCodes.notFound,
  FILE_EXISTS: exitCodes.exists,
  INVALID_REQUEST: exitCodes.usage,
  CANCELLED: exitCodes.interrupted,
}

export function exitCodeOf(thrown: unknown): number {
  if (isClosedPipe(thrown)) return exitCodes.closedPipe
  if (!(thrown instanceof StoreError)) return exitCodes.error
  return byName[thrown.name] ?? (errorRow(thrown.name).isRetryable ? exitCodes.tryLater : exitCodes.error)
}

/** A reader that has closed the pipe, as in `| head`, has seen enough and needs no sentence. */
export function isClosedPipe(thrown: unknown): boolean {
  return errorCodeOf(thrown) === 'EPIPE'
}

/** Explains an error in one sentence for people. @param subject is the name or path that the command was about. */
export function sentenceOf(thrown: unknown, subject: string | null): string {
  const about = subject === null ? '' : `${subject}: `
  if (thrown instanceof StoreError) {
    if (thrown.name === 'CANCELLED') return `${about}interrupted`
    const detail = thrown.detail === undefined ? '' : `: ${thrown.detail}`
    return `${about}${thrown.message} (code ${errorRow(thrown.name).code})${detail}`
  }
  return about + systemReason(thrown)
}

/** Explains it for programs, in the shape of the manager's own error bodies. */
export function errorJson(thrown: unknown, subject: string | null): string {
  const filename = subject === null ? {} : { filename: subject }
  if (!(thrown instanceof StoreError)) {
    return JSON.stringify({ ...filename, code: null, error: 'LOCAL', message: sentenceOf(thrown, null) })
  }
  const { name, message, detail } = thrown
  const { code } = errorRow(name)
  return JSON.stringify({ ...filename, code, error: name, message, ...(detail === undefined ? {} : { detail }) })
}
