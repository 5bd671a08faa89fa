import { hash, randomBytes } from 'node:crypto'
import { type CopyId, chunkNumberOf, type Digest, fileIdOf, type PartKey, type ServerId } from '@holdfast/shared/ids'
import { FRAME_BYTES, PART_BYTES } from '@holdfast/shared/limits'
import { createLogger } from '@holdfast/shared/node/logger'
import { digestPart } from '@holdfast/shared/node/part-digest'
import { BufferPool } from '@holdfast/shared/wire/buffer-pool'
import { Types } from 'mongoose'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { HedgeBudget } from '../../src/chunks/reading/hedge-budget.ts'
import { CHUNKS_PER_HOLDER, type FileRecord } from '../../src/files/file.model.ts'
import { FileRecords } from '../../src/files/file-records.ts'
import { allChunks, readBytesOf, readFile } from '../../src/files/get-file.ts'
import { type Ack, linkOf, type ScriptedFileServer, useSocketServer } from '../chunks/scripted-file-server.ts'
import { newChunk, newName, newRecord, newReplica, useDatabase } from '../mongo/mongo-fixture.ts'

const used = useDatabase()
const { start } = useSocketServer()

afterEach(() => {
  vi.restoreAllMocks()
})

/** Of replicas that are equally fast the first is asked first. */
function drawNoLots(): void {
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
}

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
  const buffers = new BufferPool()
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
  drawNoLots()
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
  drawNoLots()
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

/** Each document but the last holds so many bytes of a large file. */
const HOLDER_BYTES = CHUNKS_PER_HOLDER * PART_BYTES
/** The last chunk of the file is shorter. */
const LARGE_BYTES = 2 * HOLDER_BYTES + PART_BYTES + 5

/**
 * Stores the records of a file with two extents. It has more bytes than a test could send, so every chunk has the same ones
 * but for the first, which tell its place: the number of its document, and its own in that.
 */
async function storedLarge() {
  const { registry, dial } = await start()
  const peer = dial()
  await linkOf(registry, peer)
  const ids = [new Types.ObjectId(), new Types.ObjectId(), new Types.ObjectId()]
  const blank = Buffer.alloc(PART_BYTES, 'x')
  const chunkAt = (holder: number, number: number): Buffer => {
    const start = holder * HOLDER_BYTES + number * PART_BYTES
    const bytes = Buffer.from(blank.subarray(0, LARGE_BYTES - start))
    Buffer.from(`${holder}/${number}`).copy(bytes)
    return bytes
  }
  // Only those at the borders of documents are read, and hashed.
  const isRead = (number: number): boolean => number < 2 || number === CHUNKS_PER_HOLDER - 1
  const chunksOf = (holder: number, count: number) =>
    Array.from({ length: count }, (_, number) => {
      const replica = newReplica(ids[holder] as Types.ObjectId, { server: peer.hello.serverId }, number)
      if (!isRead(number)) return newChunk([replica], { size: PART_BYTES })
      const bytes = chunkAt(holder, number)
      return newChunk([replica], { size: bytes.length, sha256: hash('sha256', bytes) as Digest })
    })
  const { partKey: _, ...fields } = newRecord(newName(), { _id: ids[0] as Types.ObjectId, size: LARGE_BYTES })
  const file = { ...fields, storageClass: 'replicated' as const, chunks: chunksOf(0, CHUNKS_PER_HOLDER), extents: 2 }
  const records = new FileRecords(used.model)
  for (const [extent, count] of [CHUNKS_PER_HOLDER, 2].entries())
    await used.model.collection.insertOne({
      ...{ _id: ids[extent + 1], fileId: file._id, extent: extent + 1, state: 'live', createdAt: new Date() },
      ...{ storageClass: 'replicated', chunks: chunksOf(extent + 1, count) },
    } as never)
  await records.insert(file)
  const bytesOf = ({ copyId, offset, length }: Command & { copyId: CopyId }): Buffer => {
    const holder = ids.findIndex((id) => id.toHexString() === fileIdOf(copyId))
    return chunkAt(holder, chunkNumberOf(copyId)).subarray(offset, offset + length)
  }
  peer.answer('download-file', (command: Command & { copyId: CopyId }, ack: Ack) =>
    ack({ ok: true, bytes: bytesOf(command) }),
  )
  peer.answer('open-download', (command: Command & { copyId: CopyId }, ack: Ack) => {
    ack({ ok: true })
    void sendFrames(peer, command.streamId, bytesOf(command))
  })
  /** @returns the bytes of the file, of which only a few chunks can be asked for */
  const bytesAt = (from: number, to: number): Buffer => {
    const first = Math.floor(from / PART_BYTES)
    const chunks = Array.from({ length: Math.ceil(to / PART_BYTES) - first }, (_, index) =>
      chunkAt(Math.floor((first + index) / CHUNKS_PER_HOLDER), (first + index) % CHUNKS_PER_HOLDER),
    )
    return Buffer.concat(chunks).subarray(from - first * PART_BYTES, to - first * PART_BYTES)
  }
  const deps = { registry, records, buffers: new BufferPool(), hedges: new HedgeBudget() }
  const context = { requestId: 'test', signal: new AbortController().signal, log: createLogger('test', 'silent') }
  const read = (from: number, to: number) =>
    readFile(deps, file, { start: from, end: to }, context, { isAhead: true, isTaken: () => false })
  return { file, ids, deps, read, bytesAt }
}

test.each<[string, number, number]>([
  ['before the border of its document and its first extent', HOLDER_BYTES - 10, HOLDER_BYTES],
  ['over that border', HOLDER_BYTES - 1, HOLDER_BYTES + 1],
  ['behind that border', HOLDER_BYTES, HOLDER_BYTES + 10],
  ['over the border of its extents, and of chunks', 2 * HOLDER_BYTES - 5, 2 * HOLDER_BYTES + PART_BYTES + 3],
  ['at its end', LARGE_BYTES - 1, LARGE_BYTES],
])('of a file with extents a range is read %s', async (_, from, to) => {
  const { file, read, bytesAt } = await storedLarge()
  const { read: bytes } = await readAll(read(from, to))
  expect(bytes.equals(bytesAt(from, to))).toBe(true)
  const readCount =
    Math.min(LARGE_BYTES, Math.ceil(to / PART_BYTES) * PART_BYTES) - Math.floor(from / PART_BYTES) * PART_BYTES
  expect(readBytesOf(file, { start: from, end: to })).toBe(readCount)
})

test('the chunks of a file with extents are told in the order of its bytes', async () => {
  const { file, ids, deps } = await storedLarge()
  const places: string[] = []
  for await (const chunks of allChunks(deps, file))
    for (const { chunk } of chunks) {
      const { copyId } = chunk.replicas[0] as { copyId: CopyId }
      places.push(`${ids.findIndex((id) => id.toHexString() === fileIdOf(copyId))}/${chunkNumberOf(copyId)}`)
    }
  const numbers = [...Array(CHUNKS_PER_HOLDER).keys()]
  expect(places).toEqual([...numbers.map((n) => `0/${n}`), ...numbers.map((n) => `1/${n}`), '2/0', '2/1'])
})

test('who began to read a file reads it to its end when another takes its place, and never that one', async () => {
  const { file, deps, read, bytesAt } = await storedLarge()
  const [from, to] = [HOLDER_BYTES - PART_BYTES, HOLDER_BYTES + PART_BYTES + 5]
  const parts = read(from, to)
  const begun = Buffer.from((await parts.next()).value)
  const other = newRecord(file.name)
  await deps.records.replace(other, false, () => null)
  expect((await deps.records.findLive(file.name))?._id).toEqual(other._id)
  const { read: rest } = await readAll(parts)
  expect(Buffer.concat([begun, rest]).equals(bytesAt(from, to))).toBe(true)
})

test('where the extent of a file is gone the read fails', async () => {
  const { file, read } = await storedLarge()
  await used.model.deleteMany({ fileId: file._id })
  await expect(readAll(read(HOLDER_BYTES - 5, HOLDER_BYTES + 5))).rejects.toMatchObject({ name: 'FILE_UNAVAILABLE' })
})
