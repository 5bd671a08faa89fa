import { mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const WAIT_LIMIT_MS = 15 * 60_000
const POLL_MS = 200
/** An owner writes its name an instant after it made the directory; one that takes longer is dead. */
const UNNAMED_LIMIT_MS = 10_000

/**
 * Allows one install or build at a time in this tree. The lock is a directory, and one whose owner is dead is taken
 * over. A user who may not write in the tree works without it: where all is built there is nothing to do, and else the
 * work says that it may not.
 * @template T
 * @param {string} directory
 * @param {(line: string) => void} say
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withBootstrapLock(directory, say, work) {
  const release = () => rmSync(directory, { recursive: true, force: true })
  try {
    await acquire(directory, say)
  } catch (error) {
    if (hasCode(error, 'EACCES', 'EPERM', 'EROFS')) return work()
    throw error
  }
  process.once('exit', release)
  try {
    return await work()
  } finally {
    process.off('exit', release)
    release()
  }
}

/** @param {string} directory @param {(line: string) => void} say */
async function acquire(directory, say) {
  const endsAt = performance.now() + WAIT_LIMIT_MS
  for (let waits = 0; !tryMake(directory) && !tryTakeOver(directory); waits++) {
    if (waits === 0) say(`waiting for another install or build (process ${ownerOf(directory) ?? 'unknown'}) to end`)
    if (performance.now() > endsAt)
      throw new Error(`${directory} is still held by another process; remove it if that is wrong`)
    await delay(POLL_MS)
  }
}

/** @param {string} directory */
function tryMake(directory) {
  try {
    mkdirSync(directory)
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false
    throw error
  }
  nameOwner(directory)
  return true
}

/**
 * Several processes may see the same dead owner; the one that makes the inner directory may take its place. It looks
 * again first, because the lock may belong to a living owner by then.
 * @param {string} directory
 */
function tryTakeOver(directory) {
  if (!isAbandoned(directory)) return false
  const inner = join(directory, 'takeover')
  try {
    mkdirSync(inner)
  } catch (error) {
    if (hasCode(error, 'EEXIST', 'ENOENT')) return false
    throw error
  }
  const isMine = isAbandoned(directory)
  if (isMine) nameOwner(directory)
  try {
    rmdirSync(inner)
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error
  }
  return isMine
}

/** @param {string} directory */
function nameOwner(directory) {
  const temporary = join(directory, `owner-${process.pid}`)
  writeFileSync(temporary, String(process.pid))
  renameSync(temporary, join(directory, 'owner'))
}

/** @param {string} directory */
function isAbandoned(directory) {
  const owner = ownerOf(directory)
  // Whoever asks does not hold the lock: after the restart of a container an earlier process had the same number.
  if (owner !== null) return owner === process.pid || !isAlive(owner)
  try {
    return Date.now() - statSync(directory).mtimeMs > UNNAMED_LIMIT_MS
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false
    throw error
  }
}

/** @param {string} directory @returns {number | null} */
function ownerOf(directory) {
  try {
    return Number(readFileSync(join(directory, 'owner'), 'utf8'))
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null
    throw error
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return hasCode(error, 'EPERM')
  }
}

/** @param {unknown} error @param {...string} codes */
function hasCode(error, ...codes) {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}
