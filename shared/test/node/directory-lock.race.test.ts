import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, expect, it, vi } from 'vitest'

// The disk is slow here: any time that is allowed may lie between the refusal that permits a takeover and the takeover.
let renameCount = 0
vi.mock('node:fs/promises', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs/promises')>()
  const rename: typeof real.rename = async (from, to) => {
    renameCount += 1
    await new Promise((resolve) => setTimeout(resolve, (renameCount % 16) * 10))
    await real.rename(from, to)
  }
  return { ...real, rename }
})
// Test files of a project without isolation share their modules. The others are to have the real disk, and this one not
// theirs.
vi.resetModules()
afterAll(() => {
  vi.doUnmock('node:fs/promises')
  vi.resetModules()
})
const { DirectoryInUseError, lockDirectory } = await import('@holdfast/shared/node/directory-lock')

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-lock-race-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

it('has exactly one owner after a stale lock however far apart the takeovers come', async () => {
  const listen = `require('node:net').createServer().listen(${JSON.stringify(join(directory, 'lock'))}, () => console.log('listens'))`
  const dead = spawn(process.execPath, ['-e', listen], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(dead.stdout, 'data')
  const gone = once(dead, 'exit')
  dead.kill('SIGKILL')
  await gone

  const results = await Promise.allSettled(Array.from({ length: 20 }, () => lockDirectory(directory)))
  const locks = results.filter((result) => result.status === 'fulfilled').map((result) => result.value)
  expect(renameCount).toBeGreaterThan(1)
  expect(locks).toHaveLength(1)
  for (const result of results)
    if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(DirectoryInUseError)
  await expect(lockDirectory(directory)).rejects.toThrow(`is in use by process ${process.pid}`)
  await locks[0]?.release()
})
