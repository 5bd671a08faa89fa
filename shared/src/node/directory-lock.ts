import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, type FileHandle, link, lstat, open, readdir, rename, unlink } from 'node:fs/promises'
import type { Server } from 'node:net'
import { join, relative } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { askOwner, listenAsOwner } from './lock-socket.ts'
import { makeDirectory } from './make-directory.ts'
import { StartError } from './run-service.ts'
import { explainDirectory, isErrno } from './system-error.ts'

/**
 * This process alone works in the directory. The lock is a listening Unix socket in the directory itself: the kernel closes
 * it with its process, even after kill -9, and every container that shares the volume sees it.
 */
export interface DirectoryLock {
  /** Rejects when another process has taken the directory over. */
  readonly lost: Promise<never>
  release(): Promise<void>
}

export class DirectoryInUseError extends StartError {}

interface LockOptions {
  /** The owner looks so often whether the lock is still its own, in milliseconds. */
  readonly recheckMs?: number
}

const LOCK = 'lock'
/** A refused connection proves a dead owner for this long; who takes over later must ask again. */
const REFUSAL_VALID_MS = 200
/** After this, nobody acts any more on a refusal that came before our own socket was there. */
const SETTLE_MS = 2 * REFUSAL_VALID_MS
const ATTEMPTS_LIMIT_MS = 10_000
const CANDIDATE_TRIES = 3
const RECHECK_MS = 3_000
const MAX_SUBDIRECTORIES = 1_000

/** @returns whether a name in a locked directory belongs to the lock */
export function isLockName(name: string): boolean {
  return /^lock(-[0-9a-f]{16})?$/.test(name)
}

/** @throws DirectoryInUseError where a living process has it, StartError where it cannot be locked */
export async function lockDirectory(directory: string, options: LockOptions = {}): Promise<DirectoryLock> {
  for (let triesLeft = CANDIDATE_TRIES; ; triesLeft--) {
    try {
      return await tryToLock(directory, options)
    } catch (error) {
      // Another process took our candidate for a dead one in the moment before it listened.
      if (!isErrno(error, 'ENOENT') || triesLeft <= 1) throw explainDirectory(directory, error)
    }
  }
}

async function tryToLock(directory: string, options: LockOptions): Promise<DirectoryLock> {
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY)
  const candidate = `lock-${randomBytes(8).toString('hex')}`
  const attempt: Attempt = { directory, base: addressBase(directory, handle), candidate }
  let server: Server | undefined
  try {
    server = await listenAsOwner(join(attempt.base, attempt.candidate))
    await chmod(join(attempt.base, attempt.candidate), 0o600)
    const inode = await inodeOf(join(attempt.base, attempt.candidate))
    await publish(attempt, inode)
    await removeDeadCandidates(attempt.base)
    return new OwnedLock({ handle, server, base: attempt.base, directory, inode }, options.recheckMs ?? RECHECK_MS)
  } catch (error) {
    await ignoreMissing(unlink(join(attempt.base, attempt.candidate)))
    server?.close()
    await handle.close()
    throw error
  }
}

/** Locks the lowest of the subdirectories `1`, `2`, … that is free, and makes it where it is missing. */
export async function pickFreeSubdirectory(
  root: string,
  options: LockOptions = {},
): Promise<{ readonly directory: string; readonly lock: DirectoryLock }> {
  for (let number = 1; number <= MAX_SUBDIRECTORIES; number++) {
    const directory = join(root, String(number))
    await makeDirectory(directory, root)
    try {
      return { directory, lock: await lockDirectory(directory, options) }
    } catch (error) {
      if (!(error instanceof DirectoryInUseError)) throw error
    }
  }
  throw new StartError(`all ${MAX_SUBDIRECTORIES} subdirectories of ${root} are in use`)
}

interface Attempt {
  readonly directory: string
  readonly base: string
  readonly candidate: string
}

/** Puts the candidate in the lock's place, and returns only when nobody can take it away by mistake any more. */
async function publish({ directory, base, candidate }: Attempt, inode: string): Promise<void> {
  const candidatePath = join(base, candidate)
  const lockPath = join(base, LOCK)
  const endAtMs = performance.now() + ATTEMPTS_LIMIT_MS
  while (performance.now() < endAtMs) {
    // `link` never replaces anything, so of many that find no lock exactly one wins.
    if (await succeeds(link(candidatePath, lockPath), 'EEXIST')) {
      await unlink(candidatePath)
      return
    }
    const askedAtMs = performance.now()
    const answer = await askOwner(lockPath)
    if (answer.kind === 'gone') continue
    if (answer.kind === 'not-a-socket')
      throw new StartError(`${join(directory, LOCK)} is not a lock: remove it by hand`)
    if (answer.kind === 'busy') throw inUse(directory, answer.pid)
    if (performance.now() - askedAtMs > REFUSAL_VALID_MS) continue
    await rename(candidatePath, lockPath)
    await delay(SETTLE_MS)
    if ((await inodeOf(lockPath)) === inode) return
    throw inUse(directory, null)
  }
  throw new StartError(`${directory} could not be locked`)
}

/** Removes the sockets of processes that died while they tried. */
async function removeDeadCandidates(base: string): Promise<void> {
  const names = (await readdir(base)).filter((name) => name !== LOCK && isLockName(name))
  for (const name of names) {
    if ((await askOwner(join(base, name))).kind === 'dead') await ignoreMissing(unlink(join(base, name)))
  }
}

interface Owned {
  readonly handle: FileHandle
  readonly server: Server
  readonly base: string
  readonly directory: string
  readonly inode: string
}

class OwnedLock implements DirectoryLock {
  readonly lost: Promise<never>
  readonly #owned: Owned
  readonly #timer: NodeJS.Timeout
  #released: Promise<void> | null = null

  constructor(owned: Owned, recheckMs: number) {
    this.#owned = owned
    let lose: (error: Error) => void
    this.lost = new Promise<never>((_, reject) => {
      lose = reject
    })
    // A loss that nobody listens for must not end the process as an unhandled rejection.
    this.lost.catch(() => undefined)
    const recheck = async (): Promise<void> => {
      if (await this.#isOurs()) return
      if (this.#released === null) lose(new Error(`${owned.directory} was taken over by another process`))
    }
    this.#timer = setInterval(() => recheck().catch((error) => lose(error)), recheckMs).unref()
  }

  /** The lock's name goes before its socket, for whoever finds no name may have the directory. */
  release(): Promise<void> {
    this.#released ??= this.#release()
    return this.#released
  }

  async #release(): Promise<void> {
    clearInterval(this.#timer)
    const { base, server, handle } = this.#owned
    try {
      if (await this.#isOurs()) await ignoreMissing(unlink(join(base, LOCK)))
    } finally {
      await new Promise((resolve) => server.close(resolve))
      await handle.close()
    }
  }

  async #isOurs(): Promise<boolean> {
    try {
      return (await inodeOf(join(this.#owned.base, LOCK))) === this.#owned.inode
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return false
      throw error
    }
  }
}

/** A socket's path has at most 107 bytes, so on Linux it goes through the opened directory. */
function addressBase(directory: string, handle: FileHandle): string {
  return process.platform === 'linux' ? `/proc/self/fd/${handle.fd}` : relative(process.cwd(), directory) || '.'
}

function inUse(directory: string, pid: number | null): DirectoryInUseError {
  return new DirectoryInUseError(`${directory} is in use by ${pid === null ? 'another process' : `process ${pid}`}`)
}

async function inodeOf(path: string): Promise<string> {
  const { dev, ino } = await lstat(path, { bigint: true })
  return `${dev}:${ino}`
}

async function succeeds(work: Promise<unknown>, exceptFor: string): Promise<boolean> {
  try {
    await work
    return true
  } catch (error) {
    if (isErrno(error, exceptFor)) return false
    throw error
  }
}

async function ignoreMissing(work: Promise<unknown>): Promise<void> {
  await succeeds(work, 'ENOENT')
}
