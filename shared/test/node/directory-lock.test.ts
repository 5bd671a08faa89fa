import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DirectoryInUseError, lockDirectory, pickFreeSubdirectory } from '@holdfast/shared/node/directory-lock'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const rootOf = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url))
const children: ChildProcess[] = []
let directory = ''

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-lock-'))
})
afterEach(async () => {
  for (const child of children.splice(0)) await kill(child)
  await rm(directory, { recursive: true, force: true })
})

/** Starts a process that tries to lock a directory once it is told to, and keeps the lock. */
async function startLocker(path: string): Promise<ChildProcess> {
  const child = fork(rootOf('shared/test/node/locker.ts'), [path], {
    execArgv: ['--import', 'tsx'],
    cwd: rootOf('.'),
    env: { ...process.env, TSX_TSCONFIG_PATH: rootOf('tsconfig.check.json') },
  })
  children.push(child)
  await once(child, 'message')
  return child
}

async function tryLock(child: ChildProcess): Promise<unknown> {
  const answer = once(child, 'message')
  child.send('lock')
  return (await answer)[0]
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

/** Leaves a lock whose owner is dead. */
async function leaveStaleLock(path: string): Promise<void> {
  const child = await startLocker(path)
  expect(await tryLock(child)).toBe('locked')
  await kill(child)
  expect(await readdir(path)).toContain('lock')
}

describe('lockDirectory', () => {
  it('gives the directory to one owner at a time, and to the next after a release', async () => {
    const first = await lockDirectory(directory)
    await expect(lockDirectory(directory)).rejects.toThrow(`${directory} is in use by process ${process.pid}`)
    await first.release()
    expect(await readdir(directory)).toEqual([])
    const second = await lockDirectory(directory)
    expect(await readdir(directory)).toEqual(['lock'])
    await second.release()
  })

  it('names the process that has it, and takes over after its kill -9', async () => {
    const child = await startLocker(directory)
    expect(await tryLock(child)).toBe('locked')
    await expect(lockDirectory(directory)).rejects.toThrow(`is in use by process ${child.pid}`)
    await kill(child)
    const lock = await lockDirectory(directory)
    await expect(lockDirectory(directory)).rejects.toBeInstanceOf(DirectoryInUseError)
    await lock.release()
  })

  it('has exactly one owner when 50 calls race for a stale lock', async () => {
    await leaveStaleLock(directory)
    const results = await Promise.allSettled(Array.from({ length: 50 }, () => lockDirectory(directory)))
    const locks = results.filter((result) => result.status === 'fulfilled').map((result) => result.value)
    const refusals = results.filter((result) => result.status === 'rejected').map((result) => result.reason)
    expect(locks).toHaveLength(1)
    expect(refusals.every((reason) => reason instanceof DirectoryInUseError)).toBe(true)
    expect(await readdir(directory)).toEqual(['lock'])
    await locks[0]?.release()
  })

  it('has exactly one owner when several processes race for a stale lock', { timeout: 60_000 }, async () => {
    await leaveStaleLock(directory)
    const racers = await Promise.all(Array.from({ length: 6 }, () => startLocker(directory)))
    const answers = await Promise.all(racers.map(tryLock))
    expect(answers.filter((answer) => answer === 'locked')).toHaveLength(1)
    expect(answers.filter((answer) => answer === 'in use')).toHaveLength(5)
  })

  it('works in a directory whose path is longer than a socket path may be', async () => {
    const deep = join(directory, 'a'.repeat(200))
    await mkdir(deep)
    const lock = await lockDirectory(deep)
    await expect(lockDirectory(deep)).rejects.toBeInstanceOf(DirectoryInUseError)
    await lock.release()
    expect(await readdir(deep)).toEqual([])
  })

  it('tells its owner when another took its place, and then leaves the other one its lock', async () => {
    const lock = await lockDirectory(directory, { recheckMs: 20 })
    const other = join(directory, 'elsewhere')
    await mkdir(other)
    const second = await lockDirectory(other)
    await rename(join(other, 'lock'), join(directory, 'lock'))
    await expect(lock.lost).rejects.toThrow(`${directory} was taken over by another process`)
    await lock.release()
    expect(await readdir(directory)).toContain('lock')
    await second.release()
  })

  it('refuses a plain file in the place of the lock', async () => {
    await writeFile(join(directory, 'lock'), 'not a socket')
    await expect(lockDirectory(directory)).rejects.toThrow('is not a lock: remove it by hand')
    expect(await readdir(directory)).toEqual(['lock'])
  })
})

it('passes from one to the next without an error while many ask for it', async () => {
  let ownerCount = 0
  let turns = 0
  const takeTurns = async (): Promise<void> => {
    for (let attempt = 0; attempt < 15; attempt++) {
      const [result] = await Promise.allSettled([lockDirectory(directory)])
      if (result.status === 'rejected') {
        expect(result.reason).toBeInstanceOf(DirectoryInUseError)
        continue
      }
      ownerCount += 1
      turns += 1
      expect(ownerCount).toBe(1)
      await new Promise((resolve) => setImmediate(resolve))
      ownerCount -= 1
      await result.value.release()
    }
  }
  await Promise.all(Array.from({ length: 10 }, takeTurns))
  expect(turns).toBeGreaterThan(1)
  expect(await readdir(directory)).toEqual([])
})

describe('pickFreeSubdirectory', () => {
  it('takes the lowest number that is free and makes what is missing', async () => {
    const picks = [await pickFreeSubdirectory(directory), await pickFreeSubdirectory(directory)]
    expect(picks.map((pick) => pick.directory)).toEqual([join(directory, '1'), join(directory, '2')])
    await picks[0]?.lock.release()
    const again = await pickFreeSubdirectory(directory)
    expect(again.directory).toBe(join(directory, '1'))
    await again.lock.release()
    await picks[1]?.lock.release()
  })

  it('gives each of several at once its own', async () => {
    const picks = await Promise.all(Array.from({ length: 8 }, () => pickFreeSubdirectory(directory)))
    expect(new Set(picks.map((pick) => pick.directory)).size).toBe(8)
    expect((await readdir(directory)).sort()).toEqual(['1', '2', '3', '4', '5', '6', '7', '8'])
    await Promise.all(picks.map((pick) => pick.lock.release()))
  })
})
