import { hash, randomBytes } from 'node:crypto'
import type { Digest, PartKey, ServerId } from '@holdfast/shared/ids'
import { FRAME_BYTES, PART_BYTES } from '@holdfast/shared/limits'
import { createLogger } from '@holdfast/shared/node/logger'
import { digestPart } from '@holdfast/shared/node/part-digest'
import { Types } from 'mongoose'
import { expect, test, vi } from 'vitest'
import { downloadFile } from '../../src/files/download-file.ts'
import type { FileRecord } from '../../src/files/file.model.ts'
import { FileRecords } from '../../src/files/file-records.ts'
import { PartRooms } from '../../src/files/part-rooms.ts'
import { newName, newRecord, newReplica, useDatabase } from '../mongo/mongo-fixture.ts'
import { readToHere } from '../storage/data-link-fixture.ts'
import { framesOf, type ScriptedDataPort, useDataPorts } from '../storage/scripted-data-port.ts'
import { type Ack, linkOf, type ScriptedFileServer, useSocketServer } from '../storage/scripted-file-server.ts'

const used = useDatabase()
const { start } = useSocketServer()
const openPort = useDataPorts()

type Command = { offset: number; length: number; streamId: string; isRaw: boolean }
type Send = (command: Command, port: ScriptedDataPort, peer: ScriptedFileServer) => unknown

/** A file of so many parts with a copy on a file-server for each of `sends`, all with data connections. */
async function stored(partCount: number, ...sends: ((bytes: Buffer) => Send)[]) {
  const { registry, dial } = await start()
  const bytes = randomBytes(partCount * PART_BYTES)
  const servers = []
  for (const toSend of sends) {
    const peer = dial()
    const link = await linkOf(registry, peer)
    const port = await openPort()
    const send = toSend(bytes)
    peer.answer('open-data-port', (_: unknown, ack: Ack) => ack(port.ack()))
    peer.answer('open-download', (command: Command, ack: Ack) => {
      expect(command.isRaw).toBe(true)
      ack({ ok: true })
      void send(command, port, peer)
    })
    await vi.waitFor(() => expect(link.data.isOpen()).toBe(true), 5_000)
    servers.push({ peer, link, port })
  }
  const record = recordOf(
    bytes,
    servers.map(({ peer }) => peer.hello.serverId),
  )
  const download = (isAhead: boolean, isTaken: () => boolean, changed = record): AsyncGenerator<Buffer> =>
    downloadFile(
      { registry, records: new FileRecords(used.model) },
      changed,
      { start: 0, end: bytes.length },
      { requestId: 'test', signal: new AbortController().signal, log: createLogger('test', 'silent') },
      { isAhead, isTaken, rooms: new PartRooms() },
    )
  return { bytes, servers, download, record }
}

function partsIn(bytes: Buffer): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / PART_BYTES) }, (_, index) =>
    bytes.subarray(index * PART_BYTES, (index + 1) * PART_BYTES),
  )
}

function recordOf(bytes: Buffer, servers: ServerId[]): FileRecord {
  const _id = new Types.ObjectId()
  const partKey = randomBytes(16).toString('hex') as PartKey
  const partTags = partsIn(bytes).map((part, index) => digestPart({ key: partKey, index }, part))
  const sha256 = hash('sha256', bytes) as Digest
  return newRecord(newName(), {
    _id,
    size: bytes.length,
    sha256,
    chunks: [{ size: bytes.length, sha256, replicas: servers.map((server) => newReplica(_id, { server })) }],
    partKey,
    partTags: Buffer.concat(partTags),
  })
}

const well =
  (bytes: Buffer): Send =>
  ({ offset, length, streamId }, port) =>
    port.send(framesOf(streamId, bytes.subarray(offset, offset + length)))

/** Reads all, as a client that takes each part before it asks for the next. @returns the memory of each part, too */
async function readAll(parts: AsyncGenerator<Buffer>) {
  const read: Buffer[] = []
  const memories: ArrayBufferLike[] = []
  for await (const part of parts) {
    read.push(Buffer.from(part))
    memories.push(part.buffer)
  }
  return { read: Buffer.concat(read), memories }
}

/** For each part, which part was the first in its memory. */
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
  // Asked after each part: the second and the fourth are still on their way.
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
  const { bytes, servers, download } = await stored(3, (all) => async (command, port, peer) => {
    offsets.push(command.offset / PART_BYTES)
    if (isSecondPart(command)) await held
    await well(all)(command, port, peer)
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
    // What was sent before it has arrived.
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
    (command, port, peer) =>
      isSecondPart(command)
        ? port.send(framesOf(command.streamId, Buffer.alloc(PART_BYTES, 'x')))
        : well(bytes)(command, port, peer)
  const { bytes, download } = await stored(4, damaged, well)
  const { read, memories } = await readAll(download(false, () => true))
  expect([read.equals(bytes), placesOf(memories)]).toEqual([true, [0, 1, 1, 1]])
})

test('a replica that fails in the middle of a part and writes on later spoils no part', async () => {
  const late = new Set<() => Promise<void>>()
  const failing =
    (bytes: Buffer): Send =>
    async (command, port, peer) => {
      if (!isSecondPart(command)) return well(bytes)(command, port, peer)
      const { streamId } = command
      const wrong = framesOf(streamId, Buffer.alloc(PART_BYTES, 'x'))
      await port.send(wrong.subarray(0, 1_000))
      late.add(() => port.send(wrong.subarray(1_000), [100_000, FRAME_BYTES + 5_000]))
      await peer.send('stream-error', { streamId, error: { name: 'COPY_MISMATCH' } })
    }
  const { bytes, servers, download } = await stored(4, failing, well)
  const parts: Buffer[] = []
  const copies: Buffer[] = []
  for await (const part of download(false, () => copies.length === 1)) {
    copies.push(Buffer.from(part))
    if (copies.length > 1) parts.push(part)
    // The second part is here by the other replica.
    if (copies.length !== 2) continue
    expect(late.size).toBe(1)
    for (const send of late) await send()
    for (const { port, link } of servers) await readToHere(port, link.data)
  }
  expect(Buffer.concat(copies).equals(bytes)).toBe(true)
  expect(Buffer.concat(parts).equals(bytes.subarray(PART_BYTES))).toBe(true)
})

/** As records were before there were tags. */
function withDigests({ partTags: _, partKey: __, ...record }: FileRecord, bytes: Buffer): FileRecord {
  return { ...record, partDigests: Buffer.concat(partsIn(bytes).map((part) => hash('sha256', part, 'buffer'))) }
}

test('a file from before parts had tags is verified by their digests', async () => {
  const swapped = (bytes: Buffer) => well(Buffer.concat(partsIn(bytes).reverse()))
  const { bytes, download, record } = await stored(2.5, swapped, well)
  const { read } = await readAll(download(false, () => true, withDigests(record, bytes)))
  expect(read.equals(bytes)).toBe(true)
  const bad = await stored(2, swapped)
  const reading = readAll(bad.download(false, () => true, withDigests(bad.record, bad.bytes)))
  await expect(reading).rejects.toMatchObject({ name: 'FILE_UNAVAILABLE' })
})

test.each<[string, (bytes: Buffer) => Buffer]>([
  ['have changed places', (bytes) => Buffer.concat(partsIn(bytes).reverse())],
  ['are all the first', (bytes) => Buffer.concat(partsIn(bytes).map(() => bytes.subarray(0, PART_BYTES)))],
])('invariant 3: a copy whose parts %s is not handed out', async (_, spoil) => {
  const { download } = await stored(2, (bytes) => well(spoil(bytes)))
  await expect(readAll(download(false, () => true))).rejects.toMatchObject({ name: 'FILE_UNAVAILABLE' })
})

test('parts that the record has no tag or digest for are not handed out', async () => {
  const { download, record, bytes } = await stored(2, well)
  const { partTags = Buffer.alloc(0), partKey: _, ...untagged } = record
  const none = { ...untagged, partTags }
  for (const changed of [
    { ...record, partTags: partTags.subarray(0, 16) },
    { ...withDigests(record, bytes), partDigests: Buffer.alloc(0) },
    none,
  ])
    await expect(readAll(download(false, () => true, changed))).rejects.toMatchObject({ name: 'FILE_UNAVAILABLE' })
})
