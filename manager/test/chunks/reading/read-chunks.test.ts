import { hash, randomBytes, randomInt } from 'node:crypto'
import { type CopyId, chunkNumberOf, type Digest, type FileId, type Slot } from '@holdfast/shared/ids'
import { FRAME_BYTES, INLINE_MAX_BYTES } from '@holdfast/shared/limits'
import { createLogger } from '@holdfast/shared/node/logger'
import { BufferPool } from '@holdfast/shared/wire/buffer-pool'
import { afterEach, expect, test, vi } from 'vitest'
import { countOf, testInFull } from '../../../../test/full-run.ts'
import type { PlacedChunk, Replica } from '../../../src/chunks/chunk.ts'
import { HedgeBudget } from '../../../src/chunks/reading/hedge-budget.ts'
import { type ReadDeps, readChunks } from '../../../src/chunks/reading/read-chunks.ts'
import { CopyIds } from '../../../src/chunks/writing/copy-ids.ts'
import { type Ack, leftOf, linkOf, nothing, type ScriptedFileServer, useSocketServer } from '../scripted-file-server.ts'

const { start } = useSocketServer()
const copyIds = new CopyIds()

const DAMAGED = countOf(300, 60)

afterEach(() => void vi.restoreAllMocks())
/** With one and the same lot for all, equal replicas are asked in the order in which the record names them. */
const inOrder = (): void => void vi.spyOn(Math, 'random').mockReturnValue(0.5)

interface Command {
  readonly copyId: CopyId
  readonly offset: number
  readonly length: number
  readonly streamId: string
}
/** What a file-server does with a copy: `well` is to send it. */
type Conduct =
  | 'well'
  | 'frozen'
  | 'flipped'
  | 'stuck after a frame'
  | 'too short'
  | { readonly error: string }
  | { readonly afterMs: number }

class Server {
  readonly peer: ScriptedFileServer
  readonly #bytesOf: (copyId: CopyId) => Buffer
  conductOf: (copyId: CopyId) => Conduct = () => 'well'
  readonly asked: CopyId[] = []
  readonly #held: (() => void)[] = []

  constructor(peer: ScriptedFileServer, bytesOf: (copyId: CopyId) => Buffer) {
    this.peer = peer
    this.#bytesOf = bytesOf
    peer.answer('download-file', (command: Command, ack: Ack) =>
      this.#act(command, (sent) => ack(sent instanceof Buffer ? { ok: true, bytes: sent } : sent)),
    )
    peer.answer('open-download', (command: Command, ack: Ack) =>
      this.#act(command, (sent, frameCount) => {
        if (!(sent instanceof Buffer)) return ack(sent)
        ack({ ok: true })
        void this.#send(command.streamId, sent, frameCount)
      }),
    )
  }

  /** Does all that it did not do while it was frozen. */
  thaw(): void {
    this.conductOf = () => 'well'
    for (const act of this.#held.splice(0)) act()
  }

  #act(command: Command, give: (sent: Buffer | object, frameCount?: number) => void): void {
    const { copyId, offset, length } = command
    this.asked.push(copyId)
    const sent = Buffer.from(this.#bytesOf(copyId).subarray(offset, offset + length))
    const conduct = this.conductOf(copyId)
    if (conduct === 'frozen') this.#held.push(() => give(sent))
    else if (conduct === 'well') give(sent)
    else if (conduct === 'stuck after a frame') give(sent, 1)
    else if (conduct === 'too short') give(sent.subarray(1))
    else if (conduct === 'flipped') {
      const at = randomInt(sent.length)
      sent[at] = (sent[at] ?? 0) ^ (1 << randomInt(8))
      give(sent)
    } else if ('error' in conduct) give({ ok: false, error: { name: conduct.error } })
    else setTimeout(() => give(sent), conduct.afterMs)
  }

  async #send(streamId: string, bytes: Buffer, frameCount = Number.POSITIVE_INFINITY): Promise<void> {
    for (let seq = 0; seq < frameCount && seq * FRAME_BYTES < bytes.length; seq++) {
      const isLast = (seq + 1) * FRAME_BYTES >= bytes.length
      const frame = bytes.subarray(seq * FRAME_BYTES, (seq + 1) * FRAME_BYTES)
      await this.peer.send('stream-frame', { streamId, seq, isLast }, frame)
    }
  }
}

/** Stores a file of chunks of these lengths, each with a replica on every one of so many file-servers. */
async function stored(lengths: readonly number[], serverCount = 2, allowsLocalReads = false) {
  const { registry, dial } = await start()
  const fileId = randomBytes(12).toString('hex') as FileId
  const parts = lengths.map((length) => randomBytes(length))
  const bytesOf = (copyId: CopyId): Buffer => parts[chunkNumberOf(copyId)] ?? Buffer.alloc(0)
  const servers = Array.from({ length: serverCount }, () => new Server(dial({ hello: { allowsLocalReads } }), bytesOf))
  const links = await Promise.all(servers.map(({ peer }) => linkOf(registry, peer)))
  const chunks = parts.map((part, number): PlacedChunk => {
    const replicas = servers.map(
      ({ peer }): Replica => ({
        server: peer.hello.serverId,
        slot: 0 as Slot,
        copyId: copyIds.next(fileId, number),
      }),
    )
    const sha256 = hash('sha256', part) as Digest
    return { number, partKey: undefined, chunk: { size: part.length, sha256, replicas, version: 0 } }
  })
  const marks: { copyId: CopyId; why: string }[] = []
  const deps: ReadDeps = {
    registry,
    buffers: new BufferPool(),
    hedges: new HedgeBudget(),
    onBadReplica: ({ copyId }, why) => void marks.push({ copyId, why }),
  }
  const client = new AbortController()
  const open = (placed = chunks, pace = { isAhead: true, isTaken: () => true }): AsyncGenerator<Buffer> => {
    const end = lengths.reduce((sum, length) => sum + length, 0)
    const plan = { chunks: placed, range: { start: 0, end }, lookAgain: async () => null }
    const log = createLogger('test', 'silent')
    return readChunks(deps, plan, { requestId: 'test', signal: client.signal, log }, pace)
  }
  const read = async (placed = chunks): Promise<Buffer> => {
    const read: Buffer[] = []
    for await (const part of open(placed)) read.push(Buffer.from(part))
    return Buffer.concat(read)
  }
  const [a, b] = servers
  const [linkA, linkB] = links
  if (a === undefined || linkA === undefined) throw new Error('no file-server')
  const copyOn = (server: Server, number = 0): CopyId | undefined =>
    chunks[number]?.chunk.replicas.find(({ server: id }) => id === server.peer.hello.serverId)?.copyId
  return {
    ...{ bytes: Buffer.concat(parts), chunks, servers, links, marks, deps, client, read, parts: open, copyOn },
    ...{ a, b: b ?? a, linkA, linkB: linkB ?? linkA },
  }
}

const LARGE = 3 * FRAME_BYTES
const SMALL = 10_000
const sizes = [
  ['small', SMALL],
  ['large', LARGE],
] as const

/** Uses up what hedges there are. */
function useUp(hedges: HedgeBudget): void {
  for (let hedge = hedges.take(); hedge !== null; hedge = hedges.take()) hedge[Symbol.dispose]()
}

test.each(sizes)(
  'a %s part that a frozen file-server leaves unanswered is hedged, and later ones go elsewhere',
  async (_, size) => {
    const { bytes, a, b, linkA, linkB, marks, read } = await stored(Array.from({ length: 8 }, () => size))
    inOrder()
    a.conductOf = () => 'frozen'
    expect((await read()).equals(bytes)).toBe(true)
    // The hedge has won before the silence was long enough to be noted.
    expect([linkA.isSilent, b.asked.length, marks]).toEqual([false, 8, []])
    expect(a.asked.length).toBeGreaterThan(0)
    expect(a.asked.length).toBeLessThan(5)
    // What was given up counts as slow, though it may be under way still.
    const [slow, quick] = [linkA, linkB].map((link) => link.readHistory.pace.msPerByte)
    expect(slow).toBeGreaterThan(quick ?? Number.POSITIVE_INFINITY)
    a.thaw()
    await vi.waitFor(() => expect([leftOf(linkA), leftOf(linkB)]).toEqual([nothing, nothing]))
    expect([linkA, linkB].map((link) => link.readHistory.pace.loadBytes)).toEqual([0, 0])
  },
)

test('a replica that stops in the middle of a part is hedged, and what it wrote spoils nothing', async () => {
  const { bytes, a, b, linkA, read } = await stored([LARGE, LARGE])
  inOrder()
  a.conductOf = () => 'stuck after a frame'
  expect((await read()).equals(bytes)).toBe(true)
  expect([b.asked.length, leftOf(linkA)]).toEqual([2, nothing])
})

test.each(sizes)(
  'without hedges a silent file-server costs a %s part two seconds, and is asked last then',
  async (_, size) => {
    const { bytes, a, linkA, deps, read } = await stored([size])
    inOrder()
    useUp(deps.hedges)
    a.conductOf = () => 'frozen'
    const startedAt = performance.now()
    expect((await read()).equals(bytes)).toBe(true)
    const tookMs = performance.now() - startedAt
    expect(tookMs).toBeGreaterThan(1_900)
    expect(tookMs).toBeLessThan(9_000)
    expect([linkA.isSilent, linkA.readHistory.pace.isSilent]).toEqual([true, true])
    expect((await read()).equals(bytes)).toBe(true)
    expect(a.asked).toHaveLength(1)
  },
)

testInFull('a file-server that was frozen and answers again is used again', async () => {
  const { bytes, a, b, linkA, deps, read } = await stored([SMALL])
  inOrder()
  useUp(deps.hedges)
  a.conductOf = () => 'frozen'
  await read()
  a.thaw()
  // Its late answer to the read that was given up is what says so.
  await vi.waitFor(() => expect(linkA.readHistory.pace.isSilent).toBe(false))
  expect(linkA.isSilent).toBe(false)
  b.conductOf = () => ({ error: 'OVERLOADED' })
  expect((await read()).equals(bytes)).toBe(true)
  expect(a.asked).toHaveLength(2)
})

test('a disk on this machine that hangs is hedged like any other', async () => {
  const { bytes, a, b, linkA, read } = await stored([LARGE, LARGE], 2, true)
  inOrder()
  const held: Ack[] = []
  a.peer.answer('locate-file', (_copy: unknown, ack: Ack) => void held.push(ack))
  b.peer.answer('locate-file', (_copy: unknown, ack: Ack) => ack({ ok: false, error: { name: 'BAD_ANSWER' } }))
  expect((await read()).equals(bytes)).toBe(true)
  expect([linkA.isSilent, a.asked, b.asked.length]).toEqual([false, [], 2])
  // The read that hangs counts as load for as long as it does.
  expect(linkA.readHistory.pace.loadBytes).toBeGreaterThan(LARGE)
  for (const ack of held) ack({ ok: false, error: { name: 'COPY_NOT_FOUND' } })
  await vi.waitFor(() => expect([linkA.readHistory.pace.loadBytes, leftOf(linkA)]).toEqual([0, nothing]))
})

test('where a writer had no answer, that a read is answered does not bring writers back', async () => {
  const { linkA, read } = await stored([SMALL], 1)
  linkA.noteSilence()
  await read()
  expect(linkA.isSilent).toBe(true)
})

test.each<[string, Conduct, 'damaged' | 'missing']>([
  ['has one bit flipped', 'flipped', 'damaged'],
  ['cannot be read from its disk', { error: 'DISK_FAILED' }, 'missing'],
  ['is not there', { error: 'COPY_NOT_FOUND' }, 'missing'],
  ['is another one', { error: 'COPY_MISMATCH' }, 'missing'],
  ['is too short', 'too short', 'missing'],
])('the reader notices nothing of a replica that %s, which is marked once a part', async (_, conduct, why) => {
  for (const size of [SMALL, LARGE]) {
    const { bytes, a, linkA, copyOn, marks, read } = await stored([size, size])
    inOrder()
    a.conductOf = (copyId) => (chunkNumberOf(copyId) === 0 ? conduct : 'well')
    expect((await read()).equals(bytes)).toBe(true)
    expect([marks, leftOf(linkA)]).toEqual([[{ copyId: copyOn(a), why }], nothing])
  }
})

test.each<[string, Conduct]>([
  ['is overloaded', { error: 'OVERLOADED' }],
  ['makes a mistake', { error: 'INTERNAL' }],
])('a file-server that %s is no reason to mark its replica', async (_, conduct) => {
  const { bytes, a, marks, read } = await stored([SMALL])
  inOrder()
  a.conductOf = () => conduct
  expect([(await read()).equals(bytes), a.asked.length, marks]).toEqual([true, 1, []])
})

test('a file-server that goes away in the middle of a read is no reason to mark its replica', async () => {
  const { bytes, a, b, marks, read } = await stored([LARGE])
  inOrder()
  a.peer.answer('open-download', () => void a.peer.socket.disconnect())
  expect([(await read()).equals(bytes), b.asked.length, marks]).toEqual([true, 1, []])
})

test('a replica that is marked already is asked last and not marked again', async () => {
  const { bytes, a, b, chunks, marks, read } = await stored([SMALL])
  inOrder()
  const [first] = chunks
  if (first === undefined) throw new Error('no chunk')
  const [bad, good] = first.chunk.replicas
  if (bad === undefined || good === undefined) throw new Error('no replicas')
  const marked = [{ ...first, chunk: { ...first.chunk, replicas: [{ ...bad, bad: 'damaged' as const }, good] } }]
  expect([(await read(marked)).equals(bytes), a.asked.length, b.asked.length]).toEqual([true, 0, 1])
  b.conductOf = () => ({ error: 'COPY_NOT_FOUND' })
  expect([(await read(marked)).equals(bytes), a.asked.length]).toEqual([true, 1])
  a.conductOf = () => 'flipped'
  await expect(read(marked)).rejects.toMatchObject({ name: 'FILE_UNAVAILABLE' })
  expect(marks.map(({ why }) => why)).toEqual(['missing', 'missing'])
})

test('where both replicas are bad the file is unavailable, and both are marked', async () => {
  const { a, b, copyOn, marks, read } = await stored([SMALL])
  inOrder()
  a.conductOf = () => 'flipped'
  b.conductOf = () => ({ error: 'COPY_NOT_FOUND' })
  await expect(read()).rejects.toMatchObject({ name: 'FILE_UNAVAILABLE' })
  expect(marks).toEqual([
    { copyId: copyOn(a), why: 'damaged' },
    { copyId: copyOn(b), why: 'missing' },
  ])
})

testInFull.each(sizes)(
  'a good replica that is slower than silence is waited for where the other is damaged: %s',
  async (_, size) => {
    const { bytes, a, b, deps, read } = await stored([size])
    inOrder()
    useUp(deps.hedges)
    a.conductOf = () => ({ afterMs: 2_200 })
    b.conductOf = () => 'flipped'
    expect((await read()).equals(bytes)).toBe(true)
    // A small read goes on where it was given up, a large one is asked for again.
    expect(a.asked).toHaveLength(size === LARGE ? 2 : 1)
  },
)

testInFull('a single replica is waited for, and its silence is not held against it', async () => {
  const { bytes, a, linkA, deps, read } = await stored([SMALL, LARGE], 1)
  a.conductOf = () => ({ afterMs: 2_200 })
  expect((await read()).equals(bytes)).toBe(true)
  expect([linkA.isSilent, a.asked.length]).toEqual([false, 2])
  let hedgeCount = 0
  for (let hedge = deps.hedges.take(); hedge !== null; hedge = deps.hedges.take()) hedgeCount++
  expect(hedgeCount).toBe(10)
})

testInFull('where one of two file-servers is away the other one is not hurried', async () => {
  const { bytes, a, b, linkA, linkB, read } = await stored([SMALL])
  a.peer.socket.disconnect()
  await vi.waitFor(() => expect(linkA.isConnected).toBe(false))
  b.conductOf = () => ({ afterMs: 2_200 })
  expect((await read()).equals(bytes)).toBe(true)
  expect([linkB.isSilent, b.asked.length]).toEqual([false, 1])
})

test('a client that hangs up while two are asked leaves nothing', async () => {
  const { a, b, linkA, linkB, client, deps, read } = await stored([LARGE])
  a.conductOf = () => 'frozen'
  b.conductOf = () => 'frozen'
  const outcome = read().catch((error: { name: string }) => error.name)
  await vi.waitFor(() => expect([a.asked.length, b.asked.length]).toEqual([1, 1]), 5_000)
  client.abort()
  expect(await outcome).toBe('CANCELLED')
  await vi.waitFor(() => expect([leftOf(linkA), leftOf(linkB)]).toEqual([nothing, nothing]))
  expect([linkA, linkB].map((link) => link.readHistory.pace.loadBytes)).toEqual([0, 0])
  for (let hedge = 0; hedge < 9; hedge++) expect(deps.hedges.take()).not.toBeNull()
})

test('equal file-servers share the reads', async () => {
  const shareOf = async (): Promise<number> => {
    const { bytes, a, b, read } = await stored(Array.from({ length: 100 }, () => SMALL))
    for (let round = 0; round < 3; round++) expect((await read()).equals(bytes)).toBe(true)
    expect(a.asked.length + b.asked.length).toBe(300)
    return a.asked.length / 300
  }
  // One that this machine keeps waiting looks slow, and is left alone for a while, as it should be.
  await vi.waitFor(async () => expect(Math.abs((await shareOf()) - 0.5)).toBeLessThan(0.3), 10_000)
})

test('a slow file-server is used less', async () => {
  // The other one looks slow where this machine keeps it waiting.
  await vi.waitFor(async () => {
    const { bytes, a, b, read } = await stored(Array.from({ length: 100 }, () => SMALL))
    a.conductOf = () => ({ afterMs: 30 })
    expect((await read()).equals(bytes)).toBe(true)
    expect(a.asked.length).toBeLessThan(b.asked.length / 4)
  })
})

test('while a chunk is on its way to the client the next one is fetched', async () => {
  const { bytes, a, b, parts } = await stored([LARGE, LARGE, LARGE])
  const asked = (): number => a.asked.length + b.asked.length
  const reading = parts(undefined, { isAhead: true, isTaken: () => false })
  const read = [Buffer.from((await reading.next()).value)]
  await vi.waitFor(() => expect(asked()).toBe(2))
  read.push(Buffer.from((await reading.next()).value))
  await vi.waitFor(() => expect(asked()).toBe(3))
  read.push(Buffer.from((await reading.next()).value))
  expect([Buffer.concat(read).equals(bytes), (await reading.next()).done]).toEqual([true, true])
})

test(`invariant 3: ${DAMAGED} replicas damaged at random cost no reader a byte or an error, and what was read is marked`, async () => {
  const conducts: Conduct[] = [
    'flipped',
    'too short',
    { error: 'COPY_NOT_FOUND' },
    { error: 'COPY_MISMATCH' },
    { error: 'DISK_FAILED' },
  ]
  let damageCount = 0
  while (damageCount < DAMAGED) {
    const lengths = Array.from({ length: 30 }, (_, number) =>
      number % 10 === 9 ? INLINE_MAX_BYTES + randomInt(2 * FRAME_BYTES) : 1 + randomInt(SMALL),
    )
    const { bytes, chunks, servers, marks, links, read, deps } = await stored(lengths, 3)
    // What a hedge has outrun was asked, and nobody knows whether it is damaged.
    vi.spyOn(deps.hedges, 'take').mockReturnValue(null)
    const damaged = new Map<CopyId, Conduct>()
    for (const { chunk } of chunks) {
      const good = randomInt(3)
      for (const [index, { copyId }] of chunk.replicas.entries())
        if (index !== good && randomInt(3) > 0) damaged.set(copyId, conducts[randomInt(conducts.length)] ?? 'flipped')
    }
    damageCount += damaged.size
    for (const server of servers) server.conductOf = (copyId) => damaged.get(copyId) ?? 'well'
    expect((await read()).equals(bytes)).toBe(true)
    const asked = servers.flatMap((server) => server.asked)
    expect(new Set(marks.map(({ copyId }) => copyId))).toEqual(new Set(asked.filter((copyId) => damaged.has(copyId))))
    expect(links.map(leftOf)).toEqual([nothing, nothing, nothing])
  }
})
