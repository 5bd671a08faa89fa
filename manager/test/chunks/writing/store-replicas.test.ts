import { createHash, randomBytes } from 'node:crypto'
import type { CopyId, Digest, FileId, ServerId } from '@holdfast/shared/ids'
import { INLINE_MAX_BYTES } from '@holdfast/shared/limits'
import { expect, test, vi } from 'vitest'
import { isFullRun, testInFull } from '../../../../test/full-run.ts'
import type { FileServerLink } from '../../../src/chunks/links/file-server-link.ts'
import { type ChunkWriter, chunkWriter } from '../../../src/chunks/writing/chunk-writer.ts'
import type { ReplicaWish } from '../../../src/chunks/writing/store-replicas.ts'
import {
  type Ack,
  aHeartbeat,
  leftOf,
  linkOf,
  nothing,
  type Script,
  type ScriptedFileServer,
  useSocketServer,
} from '../scripted-file-server.ts'

const { start } = useSocketServer()
/** It is longer than a busy machine stands still as a rule, and no longer than a test may wait. */
const SILENCE_MS = 1_500
const order = { fileId: 'ab'.repeat(12) as FileId, number: 3, encoding: 'binary', requestId: 'test' } as const
const two = { replicas: 2, least: 1 }
const sizes = { inline: 1_000, frames: INLINE_MAX_BYTES + 700_000 }
const kinds = ['inline', 'frames'] as const
type Kind = (typeof kinds)[number]

const digestOf = (bytes: Uint8Array): Digest => createHash('sha256').update(bytes).digest('hex') as Digest

/** Stores what comes as a file-server does, and knows which copies it has been told to delete. */
class Store {
  readonly peer: ScriptedFileServer
  readonly copies = new Map<CopyId, Buffer>()
  readonly asked: CopyId[] = []
  readonly deleted: CopyId[] = []
  readonly sha256s = new Set<Digest | null>()

  constructor(peer: ScriptedFileServer) {
    this.peer = peer
    peer.answer('upload-file', (command: { copyId: CopyId; sha256: Digest }, bytes: Buffer, ack: Ack) => {
      this.open(command)
      this.copies.set(command.copyId, bytes)
      ack({ ok: true, copy: this.copy(command.copyId), workMs: 1 })
    })
    peer.answer('open-upload', (command: { copyId: CopyId; sha256: Digest }, ack: Ack) => {
      this.open(command)
      ack({ ok: true })
    })
    peer.answer('upload-frame', ({ copyId }: { copyId: CopyId }, bytes: Buffer, ack: Ack) => {
      this.copies.set(copyId, Buffer.concat([this.copies.get(copyId) ?? Buffer.alloc(0), bytes]))
      ack({ ok: true })
    })
    peer.answer('upload-end', ({ copyId }: { copyId: CopyId }, ack: Ack) => ack({ ok: true, copy: this.copy(copyId) }))
    peer.answer('delete-file', ({ copyId }: { copyId: CopyId }, ack: Ack) => {
      this.deleted.push(copyId)
      ack({ ok: true, existed: this.copies.delete(copyId) })
    })
  }

  get id(): ServerId {
    return this.peer.hello.serverId
  }

  open({ copyId, sha256 }: { copyId: CopyId; sha256: Digest }): void {
    this.asked.push(copyId)
    this.sha256s.add(sha256)
    this.copies.set(copyId, Buffer.alloc(0))
  }

  copy(copyId: CopyId) {
    const bytes = this.copies.get(copyId) ?? Buffer.alloc(0)
    return { copyId, slot: 4, sizeBytes: bytes.length, sha256: digestOf(bytes), partTags: Buffer.alloc(0) }
  }

  /** Answers whatever would store bytes like this: `answer` is given what was asked and a way to go on as it should. */
  onStore(kind: Kind, answer: (copyId: CopyId, ack: Ack, goOn: () => void) => void): void {
    if (kind === 'inline')
      this.peer.answer('upload-file', (command: { copyId: CopyId; sha256: Digest }, bytes: Buffer, ack: Ack) => {
        this.open(command)
        answer(command.copyId, ack, () => {
          this.copies.set(command.copyId, bytes)
          ack({ ok: true, copy: this.copy(command.copyId), workMs: 1 })
        })
      })
    else
      this.peer.answer('upload-end', ({ copyId }: { copyId: CopyId }, ack: Ack) =>
        answer(copyId, ack, () => ack({ ok: true, copy: this.copy(copyId) })),
      )
  }

  fail(kind: Kind, name: string): void {
    this.onStore(kind, (_copyId, ack) => ack({ ok: false, error: { name } }))
  }

  fall(): void {
    for (const command of ['upload-file', 'open-upload'])
      this.peer.answer(command, (asked: { copyId: CopyId; sha256: Digest }) => this.open(asked))
  }
}

/** Connects file-servers of which each has more files than the one before, so that they are chosen in order. */
async function cluster(...scripts: Script[]) {
  const { registry, dial } = await start()
  const stores: Store[] = []
  const links: FileServerLink[] = []
  for (const [index, script] of scripts.entries()) {
    const heartbeat = { ...aHeartbeat, copyCount: 10 * index, ...(script.heartbeat as object) }
    const peer = dial({ ...script, heartbeat })
    links.push(await linkOf(registry, peer))
    stores.push(new Store(peer))
  }
  const counts = (): number[] => registry.views().map(({ copyCount }) => copyCount)
  const idsOf = (...indexes: number[]) => indexes.map((index) => stores[index]?.id).sort()
  const store = (index: number): Store => stores[index] ?? expect.unreachable()
  const link = (index: number): FileServerLink => links[index] ?? expect.unreachable()
  const nothingIsLeft = () =>
    vi.waitFor(() => expect(links.map(leftOf)).toEqual(links.map(() => nothing)), { timeout: 3_000 })
  return {
    registry,
    writer: chunkWriter(registry, SILENCE_MS),
    stores,
    links,
    store,
    link,
    counts,
    idsOf,
    nothingIsLeft,
  }
}

function chunkOf(kind: Kind) {
  const bytes = randomBytes(sizes[kind])
  const pieces = [bytes.subarray(0, 100), bytes.subarray(100, 101), bytes.subarray(101)]
  return { bytes, held: { pieces, sizeBytes: bytes.length, sha256: digestOf(bytes) } }
}

async function put(writer: ChunkWriter, kind: Kind, want: ReplicaWish = two, signal = new AbortController().signal) {
  const { bytes, held } = chunkOf(kind)
  const startedAt = performance.now()
  const stored = await writer.storeReplicas(order, held, want, { signal })
  const serverIds = stored.chunk.replicas.map(({ server }) => server).sort()
  return { ...stored, bytes, held, serverIds, tookMs: performance.now() - startedAt }
}

test.each(kinds)('stores a chunk (%s) on two file-servers at once, which verify it', async (kind) => {
  const { writer, store, counts, idsOf, nothingIsLeft } = await cluster({}, {}, {})
  const waiting: (() => void)[] = []
  for (const one of [store(0), store(1)])
    one.onStore(kind, (_copyId, _ack, goOn) => {
      waiting.push(goOn)
      if (waiting.length === 2) for (const answer of waiting) answer()
    })
  const { chunk, isShort, settled, bytes, held, serverIds } = await put(writer, kind)
  await settled
  expect([isShort, serverIds]).toEqual([false, idsOf(0, 1)])
  expect(chunk).toMatchObject({ size: bytes.length, sha256: held.sha256, version: 0 })
  expect(chunk).not.toHaveProperty('tags')
  for (const { server, slot, copyId } of chunk.replicas) {
    const one = server === store(0).id ? store(0) : store(1)
    expect([slot, one.copies.get(copyId)?.equals(bytes), [...one.sha256s]]).toEqual([4, true, [held.sha256]])
    expect(copyId.slice(0, 29)).toBe(`${order.fileId}00003`)
  }
  expect(new Set(chunk.replicas.map(({ copyId }) => copyId)).size).toBe(2)
  expect(counts()).toEqual([1, 11, 20])
  await nothingIsLeft()
})

test.each(kinds)('a file-server that fails in the middle (%s) is made up for by another one', async (kind) => {
  const { writer, store, counts, idsOf, nothingIsLeft } = await cluster({}, {}, {})
  store(1).fail(kind, 'DISK_FAILED')
  const { isShort, serverIds, tookMs } = await put(writer, kind)
  expect([isShort, serverIds]).toEqual([false, idsOf(0, 2)])
  expect(tookMs).toBeLessThan(SILENCE_MS)
  await vi.waitFor(() => expect(store(1).deleted).toEqual(store(1).asked))
  expect([counts(), store(0).deleted, store(2).deleted]).toEqual([[1, 10, 21], [], []])
  await nothingIsLeft()
})

test('so is one that goes away while frames come', async () => {
  const { writer, store, idsOf } = await cluster({}, {}, {})
  store(0).peer.answer('upload-frame', () => void store(0).peer.socket.disconnect())
  const { isShort, serverIds } = await put(writer, 'frames')
  expect([isShort, serverIds]).toEqual([false, idsOf(1, 2)])
})

test('so is one that tells of other bytes than were sent', async () => {
  const { writer, store, idsOf } = await cluster({}, {}, {})
  store(0).onStore('frames', (copyId, ack) =>
    ack({ ok: true, copy: { ...store(0).copy(copyId), sha256: 'ab'.repeat(32) } }),
  )
  store(1).fail('frames', 'INVALID_REQUEST')
  const { isShort, serverIds } = await put(writer, 'frames')
  expect([isShort, serverIds]).toEqual([true, idsOf(2)])
  await vi.waitFor(() => expect([store(0).deleted.length, store(1).deleted.length]).toEqual([1, 1]))
})

test.each(kinds)('one that is silent (%s) is made up for, and what it stores late is deleted', async (kind) => {
  const { writer, store, link, counts, idsOf, nothingIsLeft } = await cluster({}, {}, {})
  const late: (() => void)[] = []
  store(0).onStore(kind, (_copyId, _ack, goOn) => void late.push(goOn))
  const { isShort, serverIds, settled, tookMs } = await put(writer, kind)
  expect([isShort, serverIds]).toEqual([false, idsOf(1, 2)])
  expect(tookMs).toBeGreaterThan(SILENCE_MS * 0.9)
  expect(tookMs).toBeLessThan(SILENCE_MS * 3)
  expect(link(0).isSilent).toBe(true)
  for (const answer of late) answer()
  await settled
  await vi.waitFor(() => expect([store(0).deleted, store(0).copies.size]).toEqual([store(0).asked, 0]))
  await vi.waitFor(() => expect(counts()).toEqual([0, 11, 21]))
  await nothingIsLeft()
})

testInFull('a copy that comes late but before its substitute is a replica, and the substitute goes', async () => {
  const { writer, store, idsOf, counts } = await cluster({}, {}, {})
  let answerLate = (): void => undefined
  store(0).onStore('inline', (_copyId, _ack, goOn) => {
    answerLate = goOn
  })
  const substitute: (() => void)[] = []
  store(2).onStore('inline', (_copyId, _ack, goOn) => {
    substitute.push(goOn)
    answerLate()
  })
  const { serverIds, settled } = await put(writer, 'inline')
  expect(serverIds).toEqual(idsOf(0, 1))
  for (const answer of substitute) answer()
  await settled
  await vi.waitFor(() => expect(store(2).deleted).toEqual(store(2).asked))
  await vi.waitFor(() => expect(counts()).toEqual([1, 11, 20]))
})

test.each<[string, Script]>([
  ['there is no other', {}],
  ['the other takes nothing', { heartbeat: { isWritable: false } }],
  ['the other has no room', { heartbeat: { freeBytes: 10 } }],
])('one replica is enough at once where %s, and the chunk is short', async (what, script) => {
  const { writer, idsOf } = await cluster({}, ...(what === 'there is no other' ? [] : [script]))
  const { isShort, serverIds, tookMs } = await put(writer, 'frames')
  expect([isShort, serverIds]).toEqual([true, idsOf(0)])
  expect(tookMs).toBeLessThan(SILENCE_MS)
})

test.each(isFullRun ? kinds : kinds.slice(0, 1))(
  'where the only other one is silent (%s) the chunk is short when that shows',
  async (kind) => {
    const { writer, store, link, idsOf, nothingIsLeft } = await cluster({}, {})
    store(0).fall()
    const { isShort, serverIds, settled, tookMs } = await put(writer, kind)
    expect([isShort, serverIds]).toEqual([true, idsOf(1)])
    expect(tookMs).toBeGreaterThan(SILENCE_MS * 0.9)
    expect(tookMs).toBeLessThan(SILENCE_MS * 3)
    let isSettled = false
    void settled.then(() => {
      isSettled = true
    })
    await new Promise(setImmediate)
    // What was sent whole cannot be taken back: it is held until its ack, its deadline or the disconnect.
    if (kind === 'inline') expect(isSettled).toBe(false)
    // While it is known to be silent it is not even asked.
    const next = await put(writer, kind)
    expect([next.isShort, next.serverIds, store(0).asked.length]).toEqual([true, idsOf(1), 1])
    expect(next.tookMs).toBeLessThan(SILENCE_MS)
    if (kind === 'inline') link(0).disconnect()
    await settled
    await nothingIsLeft()
  },
)

testInFull('one that is only busy is not left out: a frame that it takes of anybody ends its silence', async () => {
  const { writer, store, link, idsOf } = await cluster({}, {})
  const late: Ack[] = []
  store(1).peer.answer('upload-frame', (_frame: unknown, _bytes: Buffer, ack: Ack) => void late.push(ack))
  const first = put(writer, 'frames')
  await new Promise((resolve) => setTimeout(resolve, SILENCE_MS / 2))
  const second = put(writer, 'frames')
  expect([(await first).isShort, link(1).isSilent]).toEqual([true, true])
  // The frame of the second one had no turn until the first one was over.
  await vi.waitFor(() => expect(late).toHaveLength(2), { interval: 5 })
  late[1]?.({ ok: true })
  await vi.waitFor(() => expect(link(1).isSilent).toBe(false), { interval: 5, timeout: SILENCE_MS / 2 })
  void new Store(store(1).peer)
  expect((await put(writer, 'frames')).serverIds).toEqual(idsOf(0, 1))
  await second
})

test('one that was silent is asked where the others do not make up what is wished for at least', async () => {
  const { writer, link, idsOf } = await cluster({}, {})
  link(0).noteSilence()
  const { isShort, serverIds } = await put(writer, 'inline', { replicas: 2, least: 2 })
  expect([isShort, serverIds]).toEqual([false, idsOf(0, 1)])
  for (const one of [link(0), link(1)]) one.noteSilence()
  expect((await put(writer, 'inline')).isShort).toBe(false)
})

test('one that was silent is asked after all where the others fail', async () => {
  const { writer, store, link, idsOf } = await cluster({}, {})
  link(0).noteSilence()
  store(1).fail('inline', 'DISK_FULL')
  const { isShort, serverIds } = await put(writer, 'inline')
  expect([isShort, serverIds, link(0).isSilent]).toEqual([true, idsOf(0), false])
})

test('replicas are in different zones while there are enough, also where one is made up for', async () => {
  const { writer, store, idsOf } = await cluster({ zone: 'a' }, { zone: 'a' }, { zone: 'b' }, { zone: 'b' })
  expect((await put(writer, 'inline')).serverIds).toEqual(idsOf(0, 2))
  store(2).fail('inline', 'DISK_FULL')
  expect((await put(writer, 'inline')).serverIds).toEqual(idsOf(0, 3))
  store(3).fail('inline', 'DISK_FULL')
  const { serverIds, isShort } = await put(writer, 'inline')
  expect([serverIds, isShort]).toEqual([idsOf(0, 1), false])
})

test('without a file-server, or with full ones only, nothing is stored', async () => {
  const none = await cluster()
  await expect(put(none.writer, 'inline')).rejects.toMatchObject({ name: 'SERVERS_UNAVAILABLE' })
  const full = await cluster({ heartbeat: { isWritable: false } })
  await expect(put(full.writer, 'inline')).rejects.toMatchObject({ name: 'INSUFFICIENT_STORAGE' })
})

test.each(kinds)('invariant 2: where fewer than the least have it (%s) nothing of it stays', async (kind) => {
  const { writer, store, counts, nothingIsLeft } = await cluster({}, {})
  store(1).fail(kind, 'DISK_FULL')
  await expect(put(writer, kind, { replicas: 2, least: 2 })).rejects.toMatchObject({ name: 'DISK_FULL' })
  await vi.waitFor(() => expect([store(0).deleted.length, store(1).deleted.length]).toEqual([1, 1]))
  await vi.waitFor(() => expect(counts()).toEqual([0, 10]))
  expect(store(0).copies.size).toBe(0)
  await nothingIsLeft()
})

test('where all fail only so many are asked, each once, and the last error is told', async () => {
  const { writer, stores, nothingIsLeft } = await cluster({}, {}, {}, {}, {}, {})
  for (const [index, one] of stores.entries()) one.fail('inline', index === 3 ? 'DISK_FULL' : 'DISK_FAILED')
  await expect(put(writer, 'inline')).rejects.toMatchObject({ name: 'DISK_FULL' })
  expect(stores.map(({ asked }) => asked.length)).toEqual([1, 1, 1, 1, 0, 0])
  expect(new Set(stores.flatMap(({ asked }) => asked)).size).toBe(4)
  await nothingIsLeft()
})

test('a client that goes away ends what is sent in frames, and nothing of it stays', async () => {
  const { writer, store, link, counts, nothingIsLeft } = await cluster({}, {}, {})
  const hangUp = new AbortController()
  store(0).peer.answer('upload-frame', () => undefined)
  store(1).onStore('frames', (_copyId, _ack, goOn) => {
    goOn()
    void vi.waitFor(() => expect(leftOf(link(1))).toEqual(nothing), { interval: 5 }).then(() => hangUp.abort())
  })
  await expect(put(writer, 'frames', two, hangUp.signal)).rejects.toMatchObject({ name: 'CANCELLED' })
  await vi.waitFor(() => expect([store(0).deleted.length, store(1).deleted.length]).toEqual([1, 1]))
  await vi.waitFor(() => expect(counts()).toEqual([0, 10, 20]))
  expect(store(2).asked).toEqual([])
  await nothingIsLeft()
})

test('what was sent in one message is stored although the client goes away', async () => {
  const { writer, store, idsOf } = await cluster({}, {})
  const hangUp = new AbortController()
  store(0).onStore('inline', (_copyId, _ack, goOn) => {
    hangUp.abort()
    goOn()
  })
  const { isShort, serverIds } = await put(writer, 'inline', two, hangUp.signal)
  expect([isShort, serverIds]).toEqual([false, idsOf(0, 1)])
})
