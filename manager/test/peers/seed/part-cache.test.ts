import { createHash, randomBytes } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { CopyId, Digest } from '@holdfast/shared/ids'
import { createLogger } from '@holdfast/shared/node/logger'
import { BufferPool } from '@holdfast/shared/wire/buffer-pool'
import { Types } from 'mongoose'
import { expect, test, vi } from 'vitest'
import { DownloadMemory } from '../../../src/chunks/reading/download-memory.ts'
import { HedgeBudget } from '../../../src/chunks/reading/hedge-budget.ts'
import { FileRecords } from '../../../src/files/file-records.ts'
import { PartCache } from '../../../src/peers/seed/part-cache.ts'
import { type Ack, linkOf, useSocketServer } from '../../chunks/scripted-file-server.ts'
import { newChunk, newName, newRecord, newReplica, useDatabase } from '../../mongo/mongo-fixture.ts'

const used = useDatabase()
const { start } = useSocketServer()
const SIZE = 200_000

/** Makes a cache over a file-server that gives what it is asked for unless told otherwise. */
async function open(memoryBytes: number) {
  const { registry, dial } = await start()
  const peer = dial()
  await linkOf(registry, peer)
  const copies = new Map<CopyId, Buffer>()
  const asked: CopyId[] = []
  let failures = 0
  peer.answer('download-file', ({ copyId }: { copyId: CopyId }, ack: Ack) => {
    asked.push(copyId)
    if (failures-- > 0) ack({ ok: false, error: { name: 'DISK_FAILED' } })
    else ack({ ok: true, bytes: copies.get(copyId) })
  })
  const memory = new DownloadMemory(memoryBytes)
  const deps = { registry, records: new FileRecords(used.model), buffers: new BufferPool(), hedges: new HedgeBudget() }
  const cache = new PartCache({ ...deps, memory }, createLogger('test', 'silent'))
  const store = async () => {
    const [_id, bytes] = [new Types.ObjectId(), randomBytes(SIZE)]
    const replica = newReplica(_id, { server: peer.hello.serverId })
    const sha256 = createHash('sha256').update(bytes).digest('hex') as Digest
    copies.set(replica.copyId, bytes)
    const record = newRecord(newName(), { _id, size: SIZE, chunks: [newChunk([replica], { size: SIZE, sha256 })] })
    await deps.records.insert(record)
    return { record, bytes }
  }
  const fail = (times: number): void => {
    failures = times
  }
  return { cache, memory, asked, store, fail }
}
const never = new AbortController().signal
const block = () => Buffer.alloc(16_384)

test('the blocks of a part are read at once, and its memory is given back', async () => {
  const { cache, memory, asked, store } = await open(64 * 1024 ** 2)
  const { record, bytes } = await store()
  const starts = [0, 16_384, 100_001]
  const blocks = starts.map(block)
  await Promise.all(starts.map((at, index) => cache.read(record, at, blocks[index] ?? block(), never)))
  for (const [index, at] of starts.entries()) expect(blocks[index]?.equals(bytes.subarray(at, at + 16_384))).toBe(true)
  expect(asked).toHaveLength(1)
  expect(memory.usedBytes).toBe(SIZE)
  cache.close()
  expect(memory.usedBytes).toBe(0)
  await expect(cache.read(record, 0, block(), never)).rejects.toThrow()
})

test('a part gives way to another one where there is memory for one alone', async () => {
  const { cache, memory, asked, store } = await open(300_000)
  const files = [await store(), await store()]
  for (const { record, bytes } of [...files, ...files]) {
    const target = block()
    await cache.read(record, 50, target, never)
    expect(target.equals(bytes.subarray(50, 50 + target.length))).toBe(true)
    expect(memory.usedBytes).toBe(SIZE)
  }
  expect(asked).toHaveLength(4)
})

test('a read waits while downloads have all memory, until it is called off', async () => {
  const { cache, memory, store } = await open(300_000)
  const { record, bytes } = await store()
  const share = memory.take(250_000)
  const calledOff = new AbortController()
  const refused = expect(cache.read(record, 0, block(), calledOff.signal)).rejects.toThrow()
  const target = block()
  const read = cache.read(record, 0, target, never)
  await nextTurn()
  calledOff.abort()
  await refused
  share[Symbol.dispose]()
  await read
  expect(target.equals(bytes.subarray(0, target.length))).toBe(true)
})

test('a part that could not be read is asked for again, and holds no memory', async () => {
  const { cache, memory, store, fail } = await open(64 * 1024 ** 2)
  const { record } = await store()
  fail(10)
  await expect(cache.read(record, 0, block(), never)).rejects.toMatchObject({ name: 'FILE_UNAVAILABLE' })
  await vi.waitFor(() => expect(memory.usedBytes).toBe(0))
  fail(0)
  await cache.read(record, 0, block(), never)
  await expect(cache.read(record, SIZE - 1, block(), never)).rejects.toMatchObject({ name: 'INTERNAL' })
})
