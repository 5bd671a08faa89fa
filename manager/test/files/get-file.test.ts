import { hash, randomBytes } from 'node:crypto'
import { type CopyId, chunkNumberOf, type Digest, type PartKey, type ServerId } from '@holdfast/shared/ids'
import { FRAME_BYTES, PART_BYTES } from '@holdfast/shared/limits'
import { createLogger } from '@holdfast/shared/node/logger'
import { digestPart } from '@holdfast/shared/node/part-digest'
import { Types } from 'mongoose'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { HedgeBudget } from '../../src/chunks/reading/hedge-budget.ts'
import { PartBuffers } from '../../src/chunks/reading/part-buffers.ts'
import type { FileRecord } from '../../src/files/file.model.ts'
import { FileRecords } from '../../src/files/file-records.ts'
import { readFile } from '../../src/files/get-file.ts'
import { type Ack, linkOf, type ScriptedFileServer, useSocketServer } from '../chunks/scripted-file-server.ts'
import { newChunk, newName, newRecord, newReplica, useDatabase } from '../mongo/mongo-fixture.ts'

const used = useDatabase()
const { start } = useSocketServer()

type Command = { offset: number; length: number; streamId: string }
type Send = (command: Command, peer: ScriptedFileServer) => unknown

/** A file is cut into parts of one chunk, or into chunks of at most one part each. */
type Cut = 'one chunk' | 'a chunk a part'

/** Sends bytes as the frames of a stream. @param from the number of the frame that comes first */
async function sendFrames(peer: ScriptedFileServer, streamId: string, bytes: Buffer, from = 0): Promise<void> {
  for (let seq = from; seq * FRAME_BYTES < bytes.length; seq++) {
    const isLast = (seq + 1) * FRAME_BYTES >= bytes.length
    const frame = bytes.subarray(seq * FRAME_BYTES, (seq + 1) * FRAME_BYTES)
    await peer.send('stream-frame', { streamId, seq, isLast }, frame)
  }
}

// Replicas that are equally fast are drawn by lot. These tests name the first.
beforeEach(() => {
  vi.spyOn(Math, 'random').mockReturnValue(0)
})
afterEach(() => {
  vi.restoreAllMocks()
})

/** Stores a file of so many parts with a copy on a file-server for each of `sends`. */
async function stored(partCount: number, ...sends: ((bytes: Buffer) => Send)[]) {
  const { registry, dial } = await start()
  const bytes = randomBytes(partCount * PART_BYTES)
  const servers = []
  for (const toSend of sends) {
    const peer = dial()
    const link = await linkOf(registry, peer)
    const send = toSend(bytes)
    peer.answer('open-download', (command: Command, ack: Ack) => {
      ack({ ok: true })
      void send(command, peer)
    })
    servers.push({ peer, link })
  }
  const record = recordOf(
    bytes,
    servers.map(({ peer }) => peer.hello.serverId),
  )
  const buffers = new PartBuffers()
  const download = (isAhead: boolean, isTaken: () => boolean, changed = record): AsyncGenerator<Buffer> =>
    readFile(
      { registry, records: new FileRecords(used.model), buffers, hedges: new HedgeBudget() },
      changed,
      { start: 0, end: bytes.length },
      { requestId: 'test', signal: new AbortController().signal, log: createLogger('test', 'silent') },
      { isAhead, isTaken },
    )
  return { bytes, servers, download, record, registry, buffers }
}

function partsIn(bytes: Buffer): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / PART_BYTES) }, (_, index) =>
    bytes.subarray(index * PART_BYTES, (index + 1) * PART_BYTES),
  )
}

function recordOf(bytes: Buffer, servers: ServerId[], cut: Cut = 'one chunk'): FileRecord {
  const _id = new Types.ObjectId()
  const partKey = randomBytes(16).toString('hex') as PartKey
  const chunks = (cut === 'one chunk' ? [bytes] : partsIn(bytes)).map((chunk, number) => {
    const tags = partsIn(chunk).map((part, index) => digestPart({ key: partKey, chunk: number, index }, part))
    return newChunk(
      servers.map((server) => newReplica(_id, { server }, number)),
      { size: chunk.length, sha256: hash('sha256', chunk) as Digest, tags: Buffer.concat(tags) },
    )
  })
  const sha256 = hash('sha256', bytes) as Digest
  return newRecord(newName(), { _id, size: bytes.length, sha256, chunks, partKey })
}

const well =
  (bytes: Buffer): Send =>
  ({ offset, length, streamId }, peer) =>
    sendFrames(peer, streamId, bytes.subarray(offset, offset + length))

/** Reads all, as a client does that takes each part before it asks for the next. @returns the memory of each part, too */
async function readAll(parts: AsyncGenerator<Buffer>) {
  const read: Buffer[] = []
  const memories: ArrayBufferLike[] = []
  for await (const part of parts) {
    read.push(Buffer.from(part))
    memories.push(part.buffer)
  }
  return { read: Buffer.concat(read), memories }
}

/** Tells for each part which part was the first in its memory. */
const placesOf = (memories: ArrayBufferLike[]): number[] => memories.map((memory) => memories.indexOf(memory))

test.each([
  ['one by one', false, [0, 0, 0, 0, 0]],
  ['one ahead', true, [0, 1, 0, 1, 0]],
])('parts that the client has taken give their memory to later ones, read %s', async (_, isAhead, places) => {
  const { bytes, download } = await stored(5, well)
  const { read, memories } = await readAll(download(isAhead, () => true))
  expect([read.equals(bytes), placesOf(memories)]).toEqual([true, places])
})

test('the memory of a part that the client has not taken is never used again', async () => {
  const { bytes, download } = await stored(4, well)
  const parts: Buffer[] = []
  for await (const part of download(true, () => false)) parts.push(part)
  expect(Buffer.concat(parts).equals(bytes)).toBe(true)
  expect(placesOf(parts.map((part) => part.buffer))).toEqual([0, 1, 2, 3])
})

test('memory is used again for the parts that were taken, and only for those', async () => {
  const { bytes, download } = await stored(5, well)
  // The question comes after each part, and the second and the fourth are still on their way.
  const answers = [true, false, true, false, true]
  const { read, memories } = await readAll(download(false, () => answers.shift() ?? false))
  expect([read.equals(bytes), placesOf(memories)]).toEqual([true, [0, 0, 2, 2, 4]])
})

test('a part that is shorter than others takes no more memory than it is long', async () => {
  const { bytes, download } = await stored(1.5, well)
  const { read, memories } = await readAll(download(false, () => true))
  expect(read.equals(bytes)).toBe(true)
  expect(memories.map(({ byteLength }) => byteLength)).toEqual([PART_BYTES, PART_BYTES / 2])
})

const isSecondPart = ({ offset }: Command): boolean => offset === PART_BYTES

test.each([
  ['where parts are quick', 1, true, [0, 1, 2]],
  ['not where they are slow', 11_000, true, [0, 1]],
  ['not while the client has yet to take the first', 1, false, [0, 1]],
])('while the second part comes, the third one is asked for %s', async (_, stepMs, isTaken, asked) => {
  const offsets: number[] = []
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const { bytes, servers, download } = await stored(3, (all) => async (command, peer) => {
    offsets.push(command.offset / PART_BYTES)
    if (isSecondPart(command)) await held
    await well(all)(command, peer)
  })
  let now = performance.now()
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => {
    now += stepMs
    return now
  })
  try {
    const parts = download(true, () => isTaken)
    const read = [Buffer.from((await parts.next()).value)]
    const second = parts.next()
    await vi.waitFor(() => expect(offsets).toEqual(asked), 5_000)
    // By then everything that was sent before has arrived.
    await servers[0]?.link.call('welcome', { managers: [] }, { deadlineMs: 5_000 })
    expect(offsets).toEqual(asked)
    release()
    read.push(Buffer.from((await second).value), Buffer.from((await parts.next()).value))
    expect(Buffer.concat(read).equals(bytes)).toBe(true)
    expect([(await parts.next()).done, offsets]).toEqual([true, [0, 1, 2]])
  } finally {
    clock.mockRestore()
  }
})

test('a replica that is damaged in one part costs the memory that it was read into', async () => {
  const damaged =
    (bytes: Buffer): Send =>
    (command, peer) =>
      isSecondPart(command)
        ? sendFrames(peer, command.streamId, Buffer.alloc(PART_BYTES, 'x'))
        : well(bytes)(command, peer)
  const { bytes, download } = await stored(4, damaged, well)
  const { read, memories } = await readAll(download(false, () => true))
  expect([read.equals(bytes), placesOf(memories)]).toEqual([true, [0, 1, 1, 1]])
})

test('a replica that fails in the middle of a part and writes on later spoils no part', async () => {
  const late = new Set<() => Promise<void>>()
  const failing =
    (bytes: Buffer): Send =>
    async (command, peer) => {
      if (!isSecondPart(command)) return well(bytes)(command, peer)
      const { streamId } = command
      const wrong = Buffer.alloc(PART_BYTES, 'x')
      await peer.send('stream-frame', { streamId, seq: 0, isLast: false }, wrong.subarray(0, FRAME_BYTES))
      late.add(() => sendFrames(peer, streamId, wrong, 1))
      await peer.send('stream-error', { streamId, error: { name: 'COPY_MISMATCH' } })
    }
  const { bytes, download } = await stored(4, failing, well)
  const parts: Buffer[] = []
  const copies: Buffer[] = []
  for await (const part of download(false, () => copies.length === 1)) {
    copies.push(Buffer.from(part))
    if (copies.length > 1) parts.push(part)
    // The second part came from the other replica.
    if (copies.length !== 2) continue
    expect(late.size).toBe(1)
    for (const send of late) await send()
  }
  expect(Buffer.concat(copies).equals(bytes)).toBe(true)
  expect(Buffer.concat(parts).equals(bytes.subarray(PART_BYTES))).toBe(true)
})

test.each<[string, (bytes: Buffer) => Buffer]>([
  ['have changed places', (bytes) => Buffer.concat(partsIn(bytes).reverse())],
  ['are all the first', (bytes) => Buffer.concat(partsIn(bytes).map(() => bytes.subarray(0, PART_BYTES)))],
])('invariant 3: a copy whose parts %s is not handed out', async (_, spoil) => {
  const { download } = await stored(2, (bytes) => well(spoil(bytes)))
  await expect(readAll(download(false, () => true))).rejects.toMatchObject({ name: 'FILE_UNAVAILABLE' })
})

test('parts that the record has no tag for are not handed out', async () => {
  const { download, record } = await stored(2, well)
  const [chunk] = record.chunks
  if (chunk?.tags === undefined) throw new Error('no tags')
  const { tags, ...untagged } = chunk
  const { partKey: _, ...keyless } = record
  for (const changed of [
    { ...record, chunks: [{ ...chunk, tags: tags.subarray(0, 16) }] },
    { ...record, chunks: [untagged] },
    keyless,
  ])
    await expect(readAll(download(false, () => true, changed))).rejects.toMatchObject({ name: 'FILE_UNAVAILABLE' })
})

/** Connects a file-server that has every chunk of a file as a copy of its own. */
const chunkwise =
  (record: FileRecord, bytes: Buffer) =>
  ({ offset, length, streamId, copyId }: Command & { copyId: CopyId }, peer: ScriptedFileServer) => {
    const start = record.chunks.slice(0, chunkNumberOf(copyId)).reduce((sum, { size }) => sum + size, 0)
    return sendFrames(peer, streamId, bytes.subarray(start + offset, start + offset + length))
  }

test.each<[string, number, number]>([
  ['all of it', 0, 2.5 * PART_BYTES],
  ['a range within a chunk', PART_BYTES + 5, PART_BYTES + 500_000],
  ['a range over two borders', PART_BYTES - 1, 2 * PART_BYTES + 1],
])('a file of several chunks is read as one: %s', async (_, from, to) => {
  const { bytes, servers, registry, buffers } = await stored(2.5, well)
  const record = recordOf(
    bytes,
    servers.map(({ peer }) => peer.hello.serverId),
    'a chunk a part',
  )
  for (const { peer } of servers)
    peer.answer('open-download', (command: Command & { copyId: CopyId }, ack: Ack) => {
      ack({ ok: true })
      void chunkwise(record, bytes)(command, peer)
    })
  const deps = { registry, records: new FileRecords(used.model), buffers, hedges: new HedgeBudget() }
  const context = { requestId: 'test', signal: new AbortController().signal, log: createLogger('test', 'silent') }
  const pace = { isAhead: true, isTaken: () => true }
  const { read } = await readAll(readFile(deps, record, { start: from, end: to }, context, pace))
  expect(read.equals(bytes.subarray(from, to))).toBe(true)
})

test('a chunk that stands in the place of another one is not handed out', async () => {
  const { bytes, servers, registry, buffers } = await stored(2, well)
  const record = recordOf(
    bytes,
    servers.map(({ peer }) => peer.hello.serverId),
    'a chunk a part',
  )
  const swapped = Buffer.concat(partsIn(bytes).reverse())
  for (const { peer } of servers)
    peer.answer('open-download', (command: Command & { copyId: CopyId }, ack: Ack) => {
      ack({ ok: true })
      void chunkwise(record, swapped)(command, peer)
    })
  const deps = { registry, records: new FileRecords(used.model), buffers, hedges: new HedgeBudget() }
  const context = { requestId: 'test', signal: new AbortController().signal, log: createLogger('test', 'silent') }
  const reading = readAll(
    readFile(deps, record, { start: 0, end: bytes.length }, context, { isAhead: false, isTaken: () => true }),
  )
  await expect(reading).rejects.toMatchObject({ name: 'FILE_UNAVAILABLE' })
})
