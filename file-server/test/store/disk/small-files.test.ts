import { mkdir, open, readdir } from 'node:fs/promises'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { SmallFiles } from '../../../src/store/disk/small-files.ts'
import { useDataDirectory } from '../store-fixture.ts'

const data = useDataDirectory()
beforeEach(() => mkdir(data.path(), { recursive: true }))

/** Makes calls that seem to take so long. The clock is set back after each, so that no pause of theirs ever ends. */
function takingMs(ms: number): SmallFiles {
  let lookCount = 0
  return new SmallFiles(() => (lookCount++ % 2) * ms)
}

/**
 * A call in another thread resolves in a later turn of the event loop. @returns whether this one was made in this
 * thread
 */
async function isMadeAtOnce(files: SmallFiles, name: string): Promise<boolean> {
  let isMade = false
  const made = files.createFile(data.path(name), Buffer.from('abc')).then(() => {
    isMade = true
  })
  for (let step = 0; step < 20; step++) await Promise.resolve()
  const isAtOnce = isMade
  await made
  return isAtOnce
}

test('a disk that made one wait is left to the thread pool, and the other in the process is not', async () => {
  const [slow, fast] = [takingMs(1_000), takingMs(0.1)]
  expect(await isMadeAtOnce(slow, 'first')).toBe(true)
  expect(await isMadeAtOnce(slow, 'second')).toBe(false)
  expect(await isMadeAtOnce(fast, 'third')).toBe(true)
})

test('each kind of call has a pace of its own', async () => {
  const files = takingMs(1_000)
  const file = await open(data.path('file'), 'w+')
  await files.syncData(file.fd)
  expect(await isMadeAtOnce(files, 'created')).toBe(true)
  await file.close()
})

test.each([
  ['at once', 0.1],
  ['in the thread pool', 1_000],
])('what is written is read back %s', async (_, ms) => {
  const files = takingMs(ms)
  for (const name of ['first', 'second']) {
    await files.createFile(data.path(name), Buffer.from('some bytes'))
    expect((await files.readSpan(data.path(name), 5, 100)).toString()).toBe('bytes')
    expect((await files.lookAt(data.path(name)))?.size).toBe(10)
    await expect(files.createFile(data.path(name), Buffer.alloc(0))).rejects.toMatchObject({ code: 'EEXIST' })
    await files.makeDirectory(data.path(`${name}-directory`))
    expect((await files.lookAt(data.path(`${name}-directory`)))?.isDirectory()).toBe(true)
    expect(await files.lookAt(data.path('missing'))).toBeNull()
    await expect(files.readSpan(data.path('missing'), 0, 1)).rejects.toMatchObject({ code: 'ENOENT' })
    const file = await open(data.path(name), 'r+')
    expect(await files.writeAt(file.fd, Buffer.from('SOME'), 0)).toBe(4)
    await files.syncData(file.fd)
    await file.close()
    expect((await files.readSpan(data.path(name), 0, 10)).toString()).toBe('SOME bytes')
  }
})

test.runIf(process.platform === 'linux')('a call of the thread pool that fails leaves no file open', async () => {
  let fsRead = 0
  const used = process.resourceUsage()
  // Every read seems to have waited for the disk.
  const usage = vi.spyOn(process, 'resourceUsage').mockImplementation(() => ({ ...used, fsRead: fsRead++ }))
  onTestFinished(() => usage.mockRestore())
  const files = takingMs(1_000)
  await mkdir(data.path('directory'))
  await files.createFile(data.path('file'), Buffer.from('slow'))
  await files.readSpan(data.path('file'), 0, 4)
  const read = () => files.readSpan(data.path('directory'), 0, 10)
  await expect(read()).rejects.toMatchObject({ code: 'EISDIR' })
  const openCount = async () => (await readdir('/proc/self/fd')).length
  const before = await openCount()
  for (let times = 0; times < 50; times++) await expect(read()).rejects.toMatchObject({ code: 'EISDIR' })
  expect(await openCount()).toBeLessThan(before + 25)
})
