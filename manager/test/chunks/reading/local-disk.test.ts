import { StoreError } from '@holdfast/shared/errors/store-error'
import { expect, test, vi } from 'vitest'
import { LocalReads } from '../../../src/chunks/reading/local-disk.ts'
import { gate, isRead, located, useLocalDisks } from './local-disk-fixture.ts'

const { store, filesOpen, diskThat, honestDisk, pathOf } = useLocalDisks()

const IDLE_MS = 1_000

test('fills the memory with the bytes that are asked for, and with nothing else', async () => {
  const { copy, bytes } = await store()
  const { disk, asked, reasons } = honestDisk()
  for (const [offset, length] of [
    [0, 10_000],
    [3_000, 4_001],
    [9_999, 1],
  ] as const) {
    const memory = Buffer.alloc(length + 20)
    expect(await disk.read(copy, { sizeBytes: 10_000, offset }, memory.subarray(10, 10 + length))).toBe(true)
    const wanted = [Buffer.alloc(10), bytes.subarray(offset, offset + length), Buffer.alloc(10)]
    expect(memory.equals(Buffer.concat(wanted))).toBe(true)
  }
  expect([asked.mock.calls, reasons, disk.isUsable]).toEqual([[[copy]], [], true])
})

test('a copy of a size that is not known is read as well', async () => {
  const { copy, bytes } = await store()
  const memory = Buffer.alloc(bytes.length)
  expect(await honestDisk().disk.read(copy, { sizeBytes: null, offset: 0 }, memory)).toBe(true)
  expect(memory.equals(bytes)).toBe(true)
})

test('several reads of one copy, at once and after each other, share one open file', async () => {
  const stored = await store()
  const { disk, asked } = honestDisk()
  const reads = [isRead(disk, stored), isRead(disk, stored, 5_000), isRead(disk, stored, 17, 18)]
  expect(disk.openCount).toBe(1)
  expect(await Promise.all(reads)).toEqual([true, true, true])
  expect(await isRead(disk, stored, 1_000, 9_000)).toBe(true)
  expect([asked.mock.calls.length, disk.openCount]).toEqual([1, 1])
  if (process.platform === 'linux') expect(await filesOpen()).toEqual([stored.path])
})

test('a file is closed a while after the last read of it, counted from each anew', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const stored = await store()
  const { disk, asked } = honestDisk()
  for (let count = 0; count < 3; count++) {
    expect(await isRead(disk, stored)).toBe(true)
    vi.advanceTimersByTime(IDLE_MS - 1)
    expect([disk.openCount, asked.mock.calls.length]).toEqual([1, 1])
  }
  vi.advanceTimersByTime(1)
  expect(disk.openCount).toBe(0)
  await vi.waitFor(async () => expect(await filesOpen()).toEqual([]))
  expect(await isRead(disk, stored)).toBe(true)
  expect(asked).toHaveBeenCalledTimes(2)
})

test('no more than 64 files stay open', async () => {
  // Otherwise those that are idle for a second close.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const { disk } = honestDisk()
  for (let count = 1; count <= 70; count++) {
    expect(await isRead(disk, await store(Buffer.from('some bytes')))).toBe(true)
    expect(disk.openCount).toBe(Math.min(count, 64))
  }
})

test.each([
  ['127.0.0.1', true, true],
  ['127.8.9.10', true, true],
  ['::1', true, true],
  ['::ffff:127.0.0.1', true, true],
  ['127.0.0.1', false, false],
  ['10.0.0.1', true, false],
  ['::ffff:10.0.0.1', true, false],
  ['fe80::1', true, false],
  ['', true, false],
])('of a file-server at "%s" that allows it (%s), the disk is usable: %s', (address, isAllowed, isUsable) => {
  expect(honestDisk({ address, isAllowed }).disk.isUsable).toBe(isUsable)
})

test('no more reads are under way at once than all disks may have together', async () => {
  const stored = await store()
  const { opened, open } = gate()
  const all = new LocalReads(3)
  const waitingDisk = () =>
    diskThat(
      async () => {
        await opened
        return located(stored.path)
      },
      { reads: all },
    ).disk
  const disks = [waitingDisk(), waitingDisk()] as const
  const isUsable = () => disks.map((disk) => disk.isUsable)
  const reads = [isRead(disks[0], stored), isRead(disks[1], stored)]
  expect(isUsable()).toEqual([true, true])
  reads.push(isRead(disks[0], stored))
  expect(isUsable()).toEqual([false, false])
  open()
  expect([await Promise.all(reads), isUsable()]).toEqual([
    [true, true, true],
    [true, true],
  ])
})

test.each(['COPY_NOT_FOUND', 'COPY_MISMATCH', 'LINK_LOST', 'DEADLINE_EXCEEDED'] as const)(
  'what the file-server says of a copy, %s, is the outcome, and no reason to leave its disk alone',
  async (name) => {
    const stored = await store()
    let isRefused = true
    const { disk, asked, reasons } = diskThat(async () => {
      if (isRefused) throw new StoreError(name)
      return located(stored.path)
    })
    for (let count = 0; count < 5; count++) {
      const reads = [isRead(disk, stored), isRead(disk, stored)]
      for (const read of reads) await expect(read).rejects.toMatchObject({ name })
    }
    expect([disk.isUsable, disk.openCount, reasons, asked.mock.calls.length]).toEqual([true, 0, [], 5])
    isRefused = false
    expect(await isRead(disk, stored)).toBe(true)
  },
)

test.each<[string, object]>([
  ['nothing', {}],
  ['a path that is not absolute', { path: 'data/5' }],
  ['a path that is no text', { path: 5 }],
  ['a path without end', { path: `/${'x'.repeat(5_000)}` }],
  ['a device that is no number', { device: 'sda' }],
  ['an inode that is no text', { inode: 5 }],
])('an ack with %s is no answer: the copy is not read, and the disk is left alone', async (what, fields) => {
  const stored = await store()
  const { disk, reasons } = diskThat(async ({ sha256 }) => {
    if (what === 'nothing') return { ok: true, sha256 }
    return { ...(await located(stored.path)), ...fields }
  })
  expect([await isRead(disk, stored), disk.isUsable, disk.openCount]).toEqual([false, false, 0])
  expect(reasons).toEqual([expect.stringContaining('BAD_ANSWER')])
})

test('a file-server that goes away has its files closed, one that is being read when it has been read', async () => {
  const [idle, busy] = [await store(), await store()]
  const { opened, open } = gate()
  const { disk } = diskThat(async (copy) => {
    if (copy === busy.copy) await opened
    return located(pathOf(copy))
  })
  expect(await isRead(disk, idle)).toBe(true)
  const reading = isRead(disk, busy)
  expect(disk.openCount).toBe(2)
  disk.close()
  expect(disk.openCount).toBe(1)
  open()
  expect(await reading).toBe(true)
  await vi.waitFor(async () => expect([disk.openCount, await filesOpen()]).toEqual([0, []]), 5_000)
})
