import { hash, randomBytes } from 'node:crypto'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import { type CopyId, chunkNumberOf, fileIdOf } from '@holdfast/shared/ids'
import { FRAME_BYTES, INLINE_MAX_BYTES, PART_BYTES } from '@holdfast/shared/limits'
import { digestPart } from '@holdfast/shared/node/part-digest'
import type { Encoding } from '@holdfast/shared/wire/shapes'
import { Types } from 'mongoose'
import { afterEach, expect, test, vi } from 'vitest'
import { IncomingBytes } from '../../src/bodies/incoming-bytes.ts'
import { type PlacedChunk, proofOfPart, tagsOf } from '../../src/chunks/chunk.ts'
import type { ChunkWriter } from '../../src/chunks/writing/chunk-writer.ts'
import { chunksOf, type FileRecord } from '../../src/files/file.model.ts'
import { type FileSource, type PutDeps, type PutWish, putFile } from '../../src/files/put-file.ts'
import type { Ack, ScriptedFileServer } from '../chunks/scripted-file-server.ts'
import { newChunk, newName, newRecord, newReplica } from '../mongo/mongo-fixture.ts'
import { context, type Stores, useStores } from './stores.ts'

const { used, ...stored } = useStores()
/** Nobody is taken for silent here while a chunk is on its way. */
const fileServers = (count: number, memoryBytes?: number) =>
  stored.fileServers(count, { silenceMs: 10_000, ...(memoryBytes !== undefined && { memoryBytes }) })
const sha256 = (bytes: Uint8Array): string => hash('sha256', bytes)
/** Pieces of this length meet neither the borders of chunks nor those of groups of base64. */
const ODD_BYTES = 65_537

const put = (
  deps: PutDeps,
  source: FileSource,
  { by = context(), ...wish }: Partial<PutWish> & { readonly by?: ReturnType<typeof context> } = {},
): Promise<FileRecord> => putFile(deps, source, { storageClass: 'replicated', addressedBy: 'path', ...wish }, by)

/** @param meanwhile is done before the piece of that number comes */
async function* piecesOf(text: Buffer, meanwhile: (piece: number) => unknown): AsyncGenerator<Buffer> {
  for (let piece = 0; piece * ODD_BYTES < text.length; piece++) {
    await meanwhile(piece)
    yield text.subarray(piece * ODD_BYTES, (piece + 1) * ODD_BYTES)
  }
}

interface Incoming extends Partial<FileSource> {
  readonly encoding?: Encoding
  readonly name?: string
  readonly meanwhile?: (piece: number) => unknown
}

function incoming(bytes: Buffer, { encoding = 'binary', name = newName(), meanwhile, ...fields }: Incoming = {}) {
  const text = encoding === 'binary' ? bytes : Buffer.from(bytes.toString('base64'))
  return {
    earlyName: null,
    bytes: new IncomingBytes(encoding, piecesOf(text, meanwhile ?? (() => undefined))),
    finish: async () => name as FileName,
    ...fields,
  }
}

afterEach(() => {
  vi.restoreAllMocks()
})

/** Every chunk is on distinct file-servers, byte by byte what the file has there. */
function expectStored(record: FileRecord, bytes: Buffer, peers: ScriptedFileServer[], stores: Stores[], replicas = 2) {
  expect([record.size, record.sha256]).toEqual([bytes.length, sha256(bytes)])
  let offset = 0
  for (const [number, chunk] of record.chunks.entries()) {
    const part = bytes.subarray(offset, offset + PART_BYTES)
    expect([chunk.size, chunk.sha256]).toEqual([part.length, sha256(part)])
    expect(new Set(chunk.replicas.map(({ server }) => server)).size).toBe(replicas)
    for (const { server, copyId } of chunk.replicas) {
      expect([fileIdOf(copyId), chunkNumberOf(copyId)]).toEqual([record._id.toHexString(), number])
      const store = stores[peers.findIndex(({ hello }) => hello.serverId === server)]
      expect(store?.copies.get(copyId)?.equals(part)).toBe(true)
    }
    offset += chunk.size
  }
  expect(offset).toBe(bytes.length)
}

/** A chunk that does not fit into a message has a tag, by which it is verified. Any other one is verified by its sha-256. */
function expectTagged(record: FileRecord, bytes: Buffer): void {
  for (const place of chunksOf(record)) {
    const { number, chunk } = place
    const part = bytes.subarray(number * PART_BYTES, (number + 1) * PART_BYTES)
    const { method, digest } = proofOfPart(place, 0)
    const isTagged = part.length > INLINE_MAX_BYTES
    expect([chunk.tags?.length, method]).toEqual(
      isTagged ? [16, { key: record.partKey, chunk: number, index: 0 }] : [undefined, 'sha256'],
    )
    expect(digestPart(method, part).equals(digest)).toBe(true)
  }
}

const withPlainTags = (place: PlacedChunk) => ({ ...place.chunk, tags: tagsOf(place)?.tags.toString('hex') })

/** Waits until every chunk that was complete is stored, so that what fails then has something to leave. */
const chunksStored = ({ uploadMemory }: PutDeps) =>
  vi.waitFor(() => expect(uploadMemory.usedBytes).toBeLessThan(PART_BYTES), 5_000)

/** Nothing is left of a file that was not stored: no document, no copy, no memory. */
async function expectNothing(deps: PutDeps, stores: Stores[], name: string): Promise<void> {
  await vi.waitFor(() => expect(stores.map(({ copies }) => copies.size)).toEqual(stores.map(() => 0)), 5_000)
  expect(await deps.records.findLive(name as FileName)).toBeNull()
  expect(deps.uploadMemory.usedBytes).toBe(0)
}

const sizes = [0, 5, INLINE_MAX_BYTES, INLINE_MAX_BYTES + 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES + 77_777]
test.each(sizes.flatMap((size) => [[size, 'binary'] as const, [size, 'base64'] as const]))(
  'a file of %i bytes that comes as %s is cut into chunks, each on two file-servers',
  async (size, encoding) => {
    const { deps, peers, stores, registry } = await fileServers(3)
    const bytes = randomBytes(size)
    const record = await put(deps, incoming(bytes, { encoding }))
    expect(record.chunks).toHaveLength(Math.max(1, Math.ceil(size / PART_BYTES)))
    expectStored(record, bytes, peers, stores)
    expect(record).not.toHaveProperty('short')
    expectTagged(record, bytes)
    const found = await deps.records.findLive(record.name)
    // The database's driver returns tags in a type of its own.
    expect(found && { ...found, chunks: chunksOf(found).map(withPlainTags) }).toEqual({
      ...record,
      chunks: chunksOf(record).map(withPlainTags),
    })
    expect(deps.uploadMemory.usedBytes).toBe(0)
    expect(registry.views().reduce((sum, { copyCount }) => sum + copyCount, 0)).toBe(3 + 2 * record.chunks.length)
  },
)

test('a large file whose name came early and is taken sends nothing', async () => {
  const { deps, stores } = await fileServers(2)
  const name = newName() as FileName
  await deps.records.insert(newRecord(name))
  const upload = put(deps, incoming(randomBytes(PART_BYTES + 1), { name, earlyName: name }))
  await expect(upload).rejects.toMatchObject({ name: 'FILE_EXISTS' })
  expect(stores.map(({ copies, deleted }) => [copies.size, deleted.length])).toEqual([
    [0, 0],
    [0, 0],
  ])
})

test('the copies of a file whose name turns out to be taken are removed', async () => {
  const { deps, stores } = await fileServers(2)
  const name = newName() as FileName
  const first = newRecord(name)
  await deps.records.insert(first)
  await expect(put(deps, incoming(randomBytes(PART_BYTES + 1), { name }))).rejects.toMatchObject({
    name: 'FILE_EXISTS',
  })
  await vi.waitFor(() =>
    expect(stores.map(({ copies, deleted }) => [copies.size, deleted.length])).toEqual([
      [0, 2],
      [0, 2],
    ]),
  )
  expect((await deps.records.findLive(name))?._id).toEqual(first._id)
})

test('a file-server that goes away in the middle is made up for by another one', async () => {
  const { deps, peers, stores } = await fileServers(3)
  const bytes = randomBytes(3 * PART_BYTES)
  const gone = peers[0]
  let frames = 0
  const keep = (command: { copyId: CopyId }, frame: Buffer): void => {
    const { copies } = stores[0] as Stores
    copies.set(command.copyId, Buffer.concat([copies.get(command.copyId) ?? Buffer.alloc(0), frame]))
  }
  gone?.answer('upload-frame', (command: { copyId: CopyId }, frame: Buffer, ack: Ack) => {
    if (++frames > (1.5 * PART_BYTES) / FRAME_BYTES) return void gone.socket.disconnect()
    keep(command, frame)
    ack({ ok: true })
  })
  const record = await put(deps, incoming(bytes))
  expect(gone?.socket.connected).toBe(false)
  expectStored(record, bytes, peers, stores)
  expect(record).not.toHaveProperty('short')
  // It may hold a part of what it had not finished; the others hold what the record names, and nothing else.
  const named = record.chunks.flatMap(({ replicas }) => replicas.map(({ copyId }) => copyId))
  for (const { copies } of stores.slice(1))
    expect([...copies.keys()].every((copyId) => named.includes(copyId))).toBe(true)
})

test('memory of a chunk is used again, but not before every file-server is done with it', async () => {
  const { deps } = await fileServers(2)
  const { writer } = deps
  let isDone = (): void => undefined
  const settled = new Promise<void>((resolve) => (isDone = resolve))
  const held: (readonly Buffer[])[] = []
  const lateWriter = {
    storeReplicas: async (...[order, chunk, want, caller]: Parameters<ChunkWriter['storeReplicas']>) => {
      held.push(chunk.pieces)
      const stored = await writer.storeReplicas(order, chunk, want, caller)
      return { ...stored, settled }
    },
  } as unknown as ChunkWriter
  const bytes = randomBytes(3 * PART_BYTES)
  await put({ ...deps, writer: lateWriter }, incoming(bytes))
  expect(Buffer.concat(held.flat()).equals(bytes)).toBe(true)
  const memory = new Set(held.flat().map(({ buffer }) => buffer))
  expect(memory.has(deps.uploadMemory.blocks.take().bytes.buffer)).toBe(false)
  isDone()
  await vi.waitFor(() => expect(deps.uploadMemory.usedBytes).toBe(0))
  expect(memory.has(deps.uploadMemory.blocks.take().bytes.buffer)).toBe(true)
})

test('where all file-servers fail in the middle nothing stays', async () => {
  const { deps, peers, stores } = await fileServers(2)
  const name = newName()
  const meanwhile = async (piece: number): Promise<void> => {
    if (piece !== Math.ceil((1.5 * PART_BYTES) / ODD_BYTES)) return
    await chunksStored(deps)
    for (const peer of peers)
      peer.answer('open-upload', (_command: unknown, ack: Ack) => ack({ ok: false, error: { name: 'DISK_FULL' } }))
  }
  const upload = put(deps, incoming(randomBytes(4 * PART_BYTES), { name, meanwhile }))
  await expect(upload).rejects.toMatchObject({ name: 'DISK_FULL' })
  await expectNothing(deps, stores, name)
  expect(stores.every(({ deleted }) => deleted.length > 0)).toBe(true)
})

test('where one file-server is left the file is stored, and known to be short', async () => {
  const { deps, peers, stores } = await fileServers(1)
  const bytes = randomBytes(PART_BYTES + 1)
  const record = await put(deps, incoming(bytes))
  expectStored(record, bytes, peers, stores, 1)
  expect(record.short).toBe(1)
  expect((await used.model.findById(record._id).lean())?.short).toBe(1)
})

test('nothing stays of a file whose client goes away in the middle', async () => {
  const { deps, stores } = await fileServers(2)
  const name = newName()
  const client = new AbortController()
  const meanwhile = async (piece: number): Promise<void> => {
    if (piece * ODD_BYTES < 2.5 * PART_BYTES) return
    await chunksStored(deps)
    client.abort()
    throw new StoreError('CANCELLED')
  }
  const upload = put(deps, incoming(randomBytes(4 * PART_BYTES), { name, meanwhile }), { by: context(client.signal) })
  await expect(upload).rejects.toMatchObject({ name: 'CANCELLED' })
  await expectNothing(deps, stores, name)
  expect(stores.every(({ deleted }) => deleted.length > 0)).toBe(true)
})

test.each<[string, (client: AbortController) => unknown, string]>([
  ['whose client goes away', (client) => client.abort(), 'CANCELLED'],
  ['that is not right at its end', () => Promise.reject(new StoreError('DIGEST_MISMATCH')), 'DIGEST_MISMATCH'],
])('an upload %s while file-servers do not answer is not waited for', async (_, atEnd, error) => {
  const { deps, peers } = await fileServers(2)
  const name = newName()
  const client = new AbortController()
  let askedCount = 0
  for (const peer of peers) peer.answer('open-upload', () => askedCount++)
  const finish = async (): Promise<FileName> => {
    await vi.waitFor(() => expect(askedCount).toBe(2))
    await atEnd(client)
    return name as FileName
  }
  const upload = put(deps, incoming(randomBytes(PART_BYTES + 1), { name, finish }), { by: context(client.signal) })
  const startedAt = performance.now()
  await expect(upload).rejects.toMatchObject({ name: error })
  expect(performance.now() - startedAt).toBeLessThan(9_000)
  await expectNothing(deps, [], name)
})

test.each([5, PART_BYTES, 2 * PART_BYTES + 1])(
  'invariant 2: a body of %i bytes that is not right at its end leaves no record and no bytes',
  async (size) => {
    const { deps, stores } = await fileServers(2)
    const name = newName()
    const finish = async (): Promise<FileName> => {
      if (size > PART_BYTES) await chunksStored(deps)
      throw new StoreError('DIGEST_MISMATCH')
    }
    const upload = put(deps, incoming(randomBytes(size), { name, finish }))
    await expect(upload).rejects.toMatchObject({ name: 'DIGEST_MISMATCH' })
    await expectNothing(deps, stores, name)
  },
)

test('base64 that breaks off in the middle of a group leaves nothing', async () => {
  const { deps, stores } = await fileServers(2)
  const name = newName()
  const text = Buffer.from(randomBytes(2 * PART_BYTES).toString('base64')).subarray(0, -2)
  const bytes = new IncomingBytes(
    'base64',
    piecesOf(text, () => undefined),
  )
  await expect(put(deps, { ...incoming(text, { name }), bytes })).rejects.toMatchObject({ name: 'INVALID_REQUEST' })
  await expectNothing(deps, stores, name)
})

test('an upload that sends no more is ended when others wait for its memory, and those that go on finish', async () => {
  const { deps, peers, stores } = await fileServers(2, 4 * PART_BYTES)
  const name = newName()
  let stop: (error: Error) => void = () => undefined
  const stopped = new Promise<never>((_, reject) => {
    stop = reject
  })
  const by = context(undefined, () => stop(new StoreError('CANCELLED')))
  // It has most of a chunk, and then sends no more.
  const meanwhile = (piece: number): unknown => ((piece + 1) * ODD_BYTES < PART_BYTES ? null : stopped)
  const slow = put(deps, incoming(randomBytes(2 * PART_BYTES), { name, meanwhile }), { by })
  const refused = expect(slow).rejects.toMatchObject({ name: 'REQUEST_TIMEOUT' })
  await vi.waitFor(() => expect(deps.uploadMemory.usedBytes).toBeGreaterThan(PART_BYTES - 2 * ODD_BYTES))
  // What is on its way to file-servers is still to come back.
  using _held = hold(deps, 1.45 * PART_BYTES)
  const bytes = randomBytes(PART_BYTES)
  const record = await put(deps, incoming(bytes))
  using _waiting = hold(deps, 1.45 * PART_BYTES)
  await refused
  expectStored(record, bytes, peers, stores)
  expect(await deps.records.findLive(name as FileName)).toBeNull()
})

/** Takes memory as an upload does that is quick. */
function hold({ uploadMemory }: PutDeps, bytes: number): Disposable {
  const share = uploadMemory.join({ isSmall: false, caller: new AbortController() })
  share.take(bytes).catch(() => undefined)
  return share
}

const rightNow = performance.now.bind(performance)

/**
 * Lets one piece of an upload of three chunks take over a minute, by the clock of the manager, after the first of them is
 * stored. Then the clock is right again, so that file-servers seem to be heard from.
 */
function longFile(deps: PutDeps, fields: Incoming = {}) {
  const bytes = randomBytes(2 * PART_BYTES + 5)
  let aheadMs = 0
  vi.spyOn(performance, 'now').mockImplementation(() => rightNow() + aheadMs)
  const meanwhile = async (piece: number): Promise<void> => {
    aheadMs = 0
    if (piece !== Math.ceil((1.5 * PART_BYTES) / ODD_BYTES)) return
    await chunksStored(deps)
    aheadMs = 61_000
  }
  return { bytes, source: incoming(bytes, { meanwhile, ...fields }) }
}

test('an upload that takes long is an open file while it comes, which nobody can read, and then a live one', async () => {
  const { deps, peers, stores } = await fileServers(2)
  const name = newName() as FileName
  let open: FileRecord | null = null
  const finish = async (): Promise<FileName> => {
    open = await used.model.findOne({ state: 'open' }).lean<FileRecord>()
    expect(await deps.records.findLive(name)).toBeNull()
    return name
  }
  const { bytes, source } = longFile(deps, { finish })
  const { _id } = await put(deps, source)
  expect(open).toMatchObject({ _id, state: 'open', storageClass: 'replicated', touchedAt: expect.any(Date) })
  const found = await deps.records.findLive(name)
  expect(found).toMatchObject({ _id, state: 'live', addressedBy: 'path' })
  expect(found).not.toHaveProperty('touchedAt')
  expectStored(found as FileRecord, bytes, peers, stores)
  expect(deps.uploadMemory.usedBytes).toBe(0)
})

test('invariant 2: one that is not right at its end is deleted, and what it names is all that is left', async () => {
  const { deps, stores } = await fileServers(2)
  const name = newName()
  let _id: unknown
  const finish = async (): Promise<FileName> => {
    _id = (await used.model.findOne({ state: 'open' }).lean())?._id
    throw new StoreError('DIGEST_MISMATCH')
  }
  const { source } = longFile(deps, { name, finish })
  await expect(put(deps, source)).rejects.toMatchObject({ name: 'DIGEST_MISMATCH' })
  const left = await used.model.findById(_id).lean<FileRecord>()
  expect(left).toMatchObject({ state: 'deleted', deletedAt: expect.any(Date) })
  expect(left?.bytesDueAt?.getTime()).toBeLessThanOrEqual(Date.now())
  const named = left?.chunks.flatMap(({ replicas }) => replicas.map(({ copyId }) => copyId)) ?? []
  expect(named.length).toBeGreaterThan(0)
  const copies = () => stores.flatMap((store) => [...store.copies.keys()]).sort()
  await vi.waitFor(() => expect(copies()).toEqual(named.sort()), 5_000)
  expect(deps.uploadMemory.usedBytes).toBe(0)
})

test('one that is given up meanwhile does not come, and one that nobody gave up takes the place of what has its name', async () => {
  const { deps, peers, stores } = await fileServers(2)
  const name = newName() as FileName
  const before = newRecord(name)
  await deps.records.insert(before)
  const finish = async (): Promise<FileName> => {
    await used.model.updateOne({ state: 'open' }, { state: 'deleted', deletedAt: new Date(), bytesDueAt: new Date() })
    return name
  }
  const replacing = () => null
  await expect(put(deps, longFile(deps, { finish }).source, { replacing })).rejects.toMatchObject({
    name: 'COPY_DISCARDED',
  })
  await expect(put(deps, longFile(deps, { name }).source)).rejects.toMatchObject({ name: 'FILE_EXISTS' })
  expect((await deps.records.findLive(name))?._id).toEqual(before._id)
  const { bytes, source } = longFile(deps, { name })
  const { _id } = await put(deps, source, { replacing })
  const found = await deps.records.findLive(name)
  expect(found?._id).toEqual(_id)
  expectStored(found as FileRecord, bytes, peers, stores)
  expect(await used.model.findById(before._id).lean()).toMatchObject({ state: 'deleted' })
})

test('an upload of more than 64 chunks is an open file, which has every chunk in its order', async () => {
  const { deps } = await fileServers(1)
  const blank = Buffer.alloc(PART_BYTES)
  const pieces = (async function* () {
    for (let number = 0; number < 67; number++) yield blank
  })()
  const name = newName() as FileName
  let openCount = 0
  const finish = async (): Promise<FileName> => {
    openCount = (await used.model.findOne({ state: 'open' }).lean<FileRecord>())?.chunks.length ?? 0
    return name
  }
  const source: FileSource = { earlyName: null, bytes: new IncomingBytes('binary', pieces), finish }
  // It stores nothing, so that no bytes have to travel.
  const storeReplicas: ChunkWriter['storeReplicas'] = async ({ fileId, number }, { sizeBytes, sha256: digest }) => {
    const _id = new Types.ObjectId(fileId)
    const chunk = newChunk([newReplica(_id, {}, number)], { size: sizeBytes, sha256: digest ?? expect.unreachable() })
    return { chunk, isShort: number === 3, settled: Promise.resolve() }
  }
  vi.spyOn(deps.writer, 'storeReplicas').mockImplementation(storeReplicas)
  const { _id, size, chunks } = await put(deps, source)
  expect([size, chunks]).toEqual([67 * PART_BYTES, []])
  expect(openCount).toBeGreaterThan(0)
  const found = await deps.records.findLive(name)
  expect(found).toMatchObject({ _id, size: 67 * PART_BYTES, short: 1 })
  const proofs = chunksOf(found as FileRecord).map((place) => proofOfPart(place, 0))
  expect(proofs.every(({ method, digest }) => digestPart(method, blank).equals(digest))).toBe(true)
  expect(new Set(proofs.map(({ digest }) => digest.toString('hex'))).size).toBe(67)
  expect(found?.chunks.map(({ replicas: [replica] }) => replica && chunkNumberOf(replica.copyId))).toEqual(
    Array.from({ length: 67 }, (_, number) => number),
  )
})
