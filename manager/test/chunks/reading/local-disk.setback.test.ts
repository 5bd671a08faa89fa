import { execFileSync } from 'node:child_process'
import { mkdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { expect, test, vi } from 'vitest'
import { gate, isRead, located, type Stored, useLocalDisks } from './local-disk-fixture.ts'

const { store, filesOpen, diskThat, honestDisk, pathOf } = useLocalDisks()

const DEADLINE_MS = 12_000
const RETRY_AFTER_MS = 30_000
/** A file that nobody reads is kept open for so long. */
const IDLE_MS = 1_000
const nothingOpen = (): Promise<void> => vi.waitFor(async () => expect(await filesOpen()).toEqual([]))

/** Puts something else under the name of a copy. */
const replaced = (put: (path: string) => unknown) => async (stored: Stored) => {
  await rename(stored.path, `${stored.path}-away`)
  await put(stored.path)
}

test.each<[string, string, (stored: Stored) => unknown]>([
  ['whose file is missing', 'ENOENT', ({ path }) => rm(path)],
  ['that is a FIFO', 'another file stands there', replaced((path) => execFileSync('sh', ['-c', 'mkfifo "$0"', path]))],
  ['that is a symlink', 'ELOOP', replaced((path) => symlink(`${path}-away`, path))],
  ['that is a directory', 'another file stands there', replaced((path) => mkdir(path))],
])('a copy %s is not read here, and the disk is left alone', async (_, reason, harm) => {
  const stored = await store()
  const ack = await located(stored.path)
  await harm(stored)
  // The file-server speaks of what is there by then, so only the kind of it is wrong.
  const { disk, reasons } = diskThat(() => located(stored.path).catch(() => ack))
  const read = () => disk.read(stored.copy, { sizeBytes: null, offset: 0 }, Buffer.alloc(10_000))
  expect([disk.isUsable, await read(), disk.isUsable]).toEqual([true, false, false])
  expect([await read(), reasons, disk.openCount]).toEqual([false, [reason], 0])
  await nothingOpen()
})

test.each<[string, string, object]>([
  ['on another device', 'another file stands there', { device: '1' }],
  ['with another inode', 'another file stands there', { inode: '1' }],
  ['under a name that is not its own', 'it names another file', { path: '/etc/passwd' }],
])('a file %s is not read', async (_, reason, fields) => {
  const stored = await store()
  const { disk, reasons } = diskThat(async () => ({ ...(await located(stored.path)), ...fields }))
  expect([await isRead(disk, stored), await isRead(disk, stored), reasons]).toEqual([false, false, [reason]])
  expect([disk.isUsable, disk.openCount]).toEqual([false, 0])
  await nothingOpen()
})

test('the file of another copy, or of another version of this one, is not read for it', async () => {
  const [wanted, other] = [await store(), await store()]
  const { disk, reasons } = diskThat(() => located(other.path))
  const otherDigest = { ...other, copy: { ...other.copy, sha256: wanted.copy.sha256.replace(/^../, 'ab') } }
  for (const stored of [wanted, otherDigest as Stored]) expect(await isRead(disk, stored)).toBe(false)
  expect(reasons).toEqual(['it names another file'])
})

test.each([9_999, 10_001, 0])(
  'a copy of 10000 bytes is not read for a record that says %d, and others are',
  async (sizeBytes) => {
    const { copy } = await store()
    const { disk, reasons } = honestDisk()
    const memory = Buffer.alloc(10)
    expect(await disk.read(copy, { sizeBytes, offset: 0 }, memory)).toBe(false)
    expect([reasons, disk.isUsable, disk.openCount]).toEqual([[], true, 0])
    expect(memory.equals(Buffer.alloc(10))).toBe(true)
    expect(await isRead(disk, await store())).toBe(true)
  },
)

test.each([9_999, 0])('a copy that was cut to %d bytes is not read, and others are', async (left) => {
  const stored = await store()
  await truncate(stored.path, left)
  const { disk, reasons } = honestDisk()
  expect(await disk.read(stored.copy, { sizeBytes: null, offset: 0 }, Buffer.alloc(10_000))).toBe(false)
  expect([reasons, disk.isUsable, disk.openCount]).toEqual([[], true, 0])
  expect(await isRead(disk, await store())).toBe(true)
})

test('a copy that somebody reads again and again is looked for anew after a while, and the file before it is closed', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const stored = await store()
  const { disk, asked } = honestDisk()
  const readAfter = (ms: number): Promise<boolean> => {
    vi.advanceTimersByTime(ms)
    return isRead(disk, stored)
  }
  expect([await readAfter(0), await readAfter(9_999), asked.mock.calls.length]).toEqual([true, true, 1])
  await rename(stored.path, `${stored.path}-away`)
  await writeFile(stored.path, stored.bytes)
  expect([await readAfter(1), asked.mock.calls.length, disk.openCount]).toEqual([true, 2, 1])
  await vi.waitFor(async () => expect(await filesOpen()).toEqual([stored.path]))
})

test('after a while the disk is tried again, and a reason that has passed is said anew', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const stored = await store()
  let isAway = false
  const { disk, reasons } = diskThat(async (copy) => ({
    ...(await located(pathOf(copy))),
    ...(isAway && { device: '1' }),
  }))
  const away = async (): Promise<void> => {
    isAway = true
    expect(await isRead(disk, stored)).toBe(false)
    isAway = false
    vi.advanceTimersByTime(RETRY_AFTER_MS - 1)
    expect(disk.isUsable).toBe(false)
    vi.advanceTimersByTime(1)
    expect(disk.isUsable).toBe(true)
  }
  await away()
  await away()
  expect(reasons).toEqual(['another file stands there'])
  expect(await isRead(disk, stored)).toBe(true)
  disk.close()
  await away()
  expect(reasons).toEqual(['another file stands there', 'another file stands there'])
})

test('a copy that is gone by the time it is opened is not read, and a disk that was read before still is', async () => {
  const [stored, gone] = [await store(), await store()]
  const ack = await located(gone.path)
  const { disk, reasons } = diskThat(async (copy) => (copy === gone.copy ? ack : located(pathOf(copy))))
  expect(await isRead(disk, stored)).toBe(true)
  await rm(gone.path)
  expect([await isRead(disk, gone), await isRead(disk, stored), reasons]).toEqual([false, true, []])
})

test('two reads of a copy that cannot be opened fail together, and the next one asks again', async () => {
  const stored = await store()
  const ack = await located(stored.path)
  const { disk, asked } = diskThat(async () => ack)
  await rename(stored.path, `${stored.path}-away`)
  expect(await Promise.all([isRead(disk, stored), isRead(disk, stored)])).toEqual([false, false])
  expect([asked.mock.calls.length, disk.openCount]).toEqual([1, 0])
  await rename(`${stored.path}-away`, stored.path)
  expect(await isRead(disk, stored)).toBe(true)
  expect(asked).toHaveBeenCalledTimes(2)
})

test('a read behind the end of a copy spoils no other read of it', async () => {
  const stored = await store()
  const { disk } = honestDisk()
  const behind = disk.read(stored.copy, { sizeBytes: 10_000, offset: 9_000 }, Buffer.alloc(1_001))
  expect(await Promise.all([isRead(disk, stored), behind, isRead(disk, stored, 5, 50)])).toEqual([true, false, true])
})

/** Counts the timers that reads have running, and no others: sockets of other test files may still live in this process. */
function watchTimers(): () => number {
  const running = new Set<unknown>()
  const { setTimeout: set, clearTimeout: clear } = globalThis
  const start = (work: () => void, delayMs?: number) => {
    const timer = set(() => {
      running.delete(timer)
      work()
    }, delayMs)
    if (delayMs === DEADLINE_MS || delayMs === IDLE_MS) running.add(timer)
    return timer
  }
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(start as typeof setTimeout)
  vi.spyOn(globalThis, 'clearTimeout').mockImplementation((timer) => {
    running.delete(timer)
    clear(timer)
  })
  return () => running.size
}

test('reads that get no answer end at their deadline, and keep their places until there is one', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  const timerCount = watchTimers()
  const stored = await store()
  const { opened, open } = gate()
  const { disk, reasons } = diskThat(async (copy) => {
    await opened
    return located(pathOf(copy))
  })
  const memory = Buffer.alloc(10_000)
  const reads = [0, 0, 0, 0].map(() => disk.read(stored.copy, { sizeBytes: null, offset: 0 }, memory))
  await vi.advanceTimersByTimeAsync(DEADLINE_MS - 1)
  expect([reasons, timerCount()]).toEqual([[], 4])
  await vi.advanceTimersByTimeAsync(1)
  expect(await Promise.all(reads)).toEqual([false, false, false, false])
  expect(reasons).toEqual(['it does not answer'])
  vi.advanceTimersByTime(RETRY_AFTER_MS)
  expect(disk.isUsable).toBe(false)
  open()
  await vi.waitFor(() => expect(disk.isUsable).toBe(true))
  // The reads had their bytes after all, which is why their memory must not be used for anything else.
  expect(memory.equals(stored.bytes)).toBe(true)
  const left = async () => [disk.openCount, await filesOpen(), timerCount()]
  await vi.waitFor(async () => expect(await left()).toEqual([0, [], 0]), 5_000)
})
