import { setTimeout as delay } from 'node:timers/promises'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { Logger } from '@holdfast/shared/node/logger'

const FULL = ['ENOSPC', 'EDQUOT', 'EFBIG']
/** What could not be tried is tried again after this time. */
const RETRY_MS = 1_000
const TOO_MANY_OPEN = ['EMFILE', 'ENFILE']

function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}

export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  const code = errnoOf(error)
  return code !== undefined && codes.includes(code)
}

export function isTooManyOpen(error: unknown): boolean {
  return isErrno(error, ...TOO_MANY_OPEN)
}

/** @returns whether descriptors or processes were wanting, so that the disk was not asked. */
export function isUntried(error: unknown): boolean {
  if (isTooManyOpen(error)) return true
  const isSpawn = error instanceof Error && 'syscall' in error && String(error.syscall).startsWith('spawn')
  return isSpawn && isErrno(error, 'EAGAIN', 'ENOMEM')
}

/** Tries again while it cannot be tried, which says nothing of the disk; whoever closes leaves it to the next start. */
export async function onceItCanBeTried(work: () => Promise<void>, isClosing: () => boolean): Promise<void> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (isClosing() || !isUntried(error)) throw error
      await delay(RETRY_MS)
    }
  }
}

export function toDiskError(error: unknown): StoreError {
  if (error instanceof StoreError) return error
  if (isErrno(error, ...FULL)) return new StoreError('DISK_FULL', undefined, { cause: error })
  if (isTooManyOpen(error)) return new StoreError('OVERLOADED', undefined, { cause: error })
  // An error without an errno is our own mistake, which says nothing of the disk.
  return new StoreError(errnoOf(error) === undefined ? 'INTERNAL' : 'DISK_FAILED', undefined, { cause: error })
}

/** Knows whether the disk is still trusted with new copies. A disk that failed once is suspect until a person has looked. */
export class DiskHealth {
  readonly #log: Logger
  #isSuspect = false

  constructor(log: Logger) {
    this.#log = log
  }

  get isSuspect(): boolean {
    return this.#isSuspect
  }

  /** Translates the error of a write; a failed disk makes the store suspect. A StoreError was judged where it was made. */
  report(error: unknown): StoreError {
    const translated = this.#translate(error)
    if (translated.name === 'DISK_FAILED' && translated !== error) this.#suspect(translated)
    return translated
  }

  /** Translates the error of a read. One copy may be unreadable for ever on a disk that takes others. @param of what was read */
  reportRead(error: unknown, of: object): StoreError {
    const translated = this.#translate(error)
    if (translated.name === 'DISK_FAILED') this.#log.warn({ ...of, err: translated }, 'the disk failed a read')
    return translated
  }

  /** Translates the error of a name that may not be durable. Only a want of file descriptors says nothing of the disk. */
  reportNotDurable(error: Error): StoreError {
    if (isTooManyOpen(error.cause)) return new StoreError('OVERLOADED', undefined, { cause: error })
    const failure = new StoreError('DISK_FAILED', undefined, { cause: error })
    this.#suspect(failure)
    return failure
  }

  /** Makes the store suspect whatever the errno was. */
  distrust(cause: Error): void {
    this.#suspect(new StoreError('DISK_FAILED', undefined, { cause }))
  }

  requireTrusted(): void {
    if (this.#isSuspect) throw new StoreError('DISK_FAILED', 'the disk failed earlier; look at the log')
  }

  #translate(error: unknown): StoreError {
    const translated = toDiskError(error)
    if (translated.name === 'INTERNAL') this.#log.error({ err: translated }, 'an unexpected error in the store')
    return translated
  }

  #suspect(error: StoreError): void {
    if (!this.#isSuspect) this.#log.error({ err: error }, 'the disk failed: no more copies are taken until a restart')
    this.#isSuspect = true
  }
}
