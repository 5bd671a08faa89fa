import { createHash } from 'node:crypto'
import {
  type CopyId,
  type Digest,
  type FileId,
  isPosted,
  makeCopyId,
  makePostedCopyId,
  POSTED_RANDOM_DIGITS,
  type ServerId,
  type Slot,
} from '@holdfast/shared/ids'
import { createLogger } from '@holdfast/shared/node/logger'
import { BufferPool } from '@holdfast/shared/wire/buffer-pool'
import type { InventoryCursor, NamedCopy } from '@holdfast/shared/wire/shapes'
import { Types } from 'mongoose'
import { beforeEach, expect, test } from 'vitest'
import type { FileServerLink } from '../../../src/chunks/links/file-server-link.ts'
import { FileRecords } from '../../../src/files/file-records.ts'
import { HolderRecords } from '../../../src/files/holder-records.ts'
import type { MissingShare } from '../../../src/upkeep/file-server-directory.ts'
import { reconcileServer } from '../../../src/upkeep/reconcile/reconcile-server.ts'
import { Throttle } from '../../../src/upkeep/throttle.ts'
import { type Ack, type ScriptedFileServer, useSocketServer } from '../../chunks/scripted-file-server.ts'
import { newChunk, newName, newRecord, newReplica, useDatabase } from '../../mongo/mongo-fixture.ts'

const used = useDatabase()
const { connect } = useSocketServer()
let records: FileRecords
let holders: HolderRecords
beforeEach(async () => {
  records = new FileRecords(used.model)
  holders = new HolderRecords(used.model)
  await used.model.deleteMany({})
})

const shares: (MissingShare | null)[] = []
const reconcileDeps = () => ({
  noteMissingShare: async (_server: ServerId, share: MissingShare | null) => {
    shares.push(share)
  },
  throttle: new Throttle(1e12),
  buffers: new BufferPool(),
  log: createLogger('test', 'silent'),
})
const limits = { graceMs: 1_000, maxSharePercent: 5 }
const run = (link: FileServerLink, signal = new AbortController().signal) =>
  reconcileServer({ ...reconcileDeps(), holders }, link, limits, signal)

const orphanAt = (slot: number): NamedCopy => {
  const fileId = new Types.ObjectId().toHexString() as FileId
  return {
    copyId: makeCopyId(fileId, 0, 'abababababa'),
    slot: slot as Slot,
    sha256: 'cd'.repeat(32) as NamedCopy['sha256'],
  }
}

/** Serves a file-server's inventory, and keeps what was done to it: moves by their command, in order. */
class Inventory {
  readonly tree: NamedCopy[] = []
  readonly quarantine: NamedCopy[] = []
  readonly moves: [command: string, copyId: CopyId][] = []
  ageMs = 5_000
  readonly refusals = new Map<string, string>()

  constructor(peer: ScriptedFileServer, pageSize = 1_000) {
    peer.answer('list-copies', ({ cursor }: { cursor: InventoryCursor }, ack: Ack) => {
      const all = this[cursor.where].toSorted((a, b) => a.slot - b.slot).filter((copy) => copy.slot >= cursor.slot)
      const rest = all[pageSize]
      const end = cursor.where === 'tree' ? { where: 'quarantine', slot: 0 } : null
      const next = rest === undefined ? end : { where: cursor.where, slot: rest.slot }
      ack({ ok: true, where: cursor.where, copies: all.slice(0, pageSize), next })
    })
    peer.answer('suspect-copies', ({ copies }: { copies: NamedCopy[] }, ack: Ack) =>
      ack({ ok: true, agesMs: copies.map(() => this.ageMs) }),
    )
    for (const command of ['quarantine-file', 'restore-file', 'discard-file'])
      peer.answer(command, ({ copyId }: NamedCopy, ack: Ack) => {
        this.moves.push([command, copyId])
        const name = this.refusals.get(`${command} ${copyId}`)
        ack(name === undefined ? { ok: true } : { ok: false, error: { name } })
      })
    peer.answer('download-file', ({ copyId }: NamedCopy, ack: Ack) => {
      const isThere = this.tree.some((copy) => copy.copyId === copyId)
      ack(
        isThere
          ? { ok: true, kind: 'inline', bytes: Buffer.alloc(0) }
          : { ok: false, error: { name: 'COPY_NOT_FOUND' } },
      )
    })
  }
}

/** Stores a live file on the file-server. @returns the copy that its record names */
async function liveAt(link: FileServerLink, slot: number): Promise<NamedCopy> {
  const record = newRecord(newName())
  const replica = newReplica(record._id, { server: link.id, slot: slot as Slot })
  await records.insert({ ...record, chunks: [newChunk([replica])] })
  return { copyId: replica.copyId, slot: replica.slot, sha256: record.sha256 }
}

test('an orphan goes when its grace is over: out of sight, renounced, gone; live copies are left alone', async () => {
  const { peer, link } = await connect()
  const inventory = new Inventory(peer)
  const orphan = orphanAt(9)
  inventory.tree.push(await liveAt(link, 1), orphan, await liveAt(link, 20))
  inventory.ageMs = 999
  expect(await run(link)).toMatchObject({ orphanCount: 1, collectedCount: 0, isHalted: false })
  expect(inventory.moves).toEqual([])
  inventory.ageMs = 1_000
  expect(await run(link)).toMatchObject({ copyCount: 3, orphanCount: 1, collectedCount: 1, missingCount: 0 })
  expect(inventory.moves).toEqual([
    ['quarantine-file', orphan.copyId],
    ['discard-file', orphan.copyId],
  ])
  expect(await used.model.countDocuments({ state: 'tombstone' })).toBe(1)
})

test('invariant 7: where an unlikely share would go nothing goes, and the report says so', async () => {
  const { peer, link } = await connect()
  const inventory = new Inventory(peer, 40)
  for (let slot = 0; slot < 51; slot++) inventory.tree.push(orphanAt(slot))
  expect(await run(link)).toMatchObject({ copyCount: 51, orphanCount: 51, collectedCount: 0, isHalted: true })
  expect([inventory.moves, await used.model.countDocuments()]).toEqual([[], 0])
})

test('invariant 7: records that are lost bit by bit make an unlikely share before the first orphans go', async () => {
  const { peer, link } = await connect()
  const inventory = new Inventory(peer)
  for (let slot = 0; slot < 60; slot++) inventory.tree.push(orphanAt(slot))
  peer.answer('suspect-copies', ({ copies }: { copies: NamedCopy[] }, ack: Ack) =>
    ack({ ok: true, agesMs: copies.map((_copy, index) => (index < 2 ? limits.graceMs : limits.graceMs - 1)) }),
  )
  expect(await run(link)).toMatchObject({ orphanCount: 60, collectedCount: 0, isHalted: true })
  expect(inventory.moves).toEqual([])
})

test('orphans of which none is due stop nothing: uploads that are under way are such', async () => {
  const { peer, link } = await connect()
  const inventory = new Inventory(peer)
  inventory.ageMs = 0
  for (let slot = 0; slot < 60; slot++) inventory.tree.push(orphanAt(slot))
  expect(await run(link)).toMatchObject({ orphanCount: 60, collectedCount: 0, isHalted: false })
})

test('what was posted to the file-server itself goes when its grace is over, and is no part of an unlikely share', async () => {
  const { peer, link } = await connect()
  const inventory = new Inventory(peer)
  const posted = Array.from({ length: 60 }, (_, slot) => ({
    ...orphanAt(slot),
    copyId: makePostedCopyId(slot.toString(16).padStart(POSTED_RANDOM_DIGITS, '0')),
  }))
  inventory.tree.push(...posted)
  inventory.ageMs = 999
  expect(await run(link)).toMatchObject({ orphanCount: 60, collectedCount: 0, isHalted: false })
  inventory.ageMs = 1_000
  // They hide no unlikely share either, and go beside one.
  for (let slot = 100; slot < 151; slot++) inventory.tree.push(orphanAt(slot))
  expect(await run(link)).toMatchObject({ orphanCount: 111, collectedCount: 60, isHalted: true })
  expect(inventory.moves.map(([, copyId]) => isPosted(copyId))).toEqual(Array.from({ length: 120 }, () => true))
})

test('a quarantined copy that a live file needs is put back, an unwanted one goes', async () => {
  const { peer, link } = await connect()
  const inventory = new Inventory(peer)
  const [wanted, unwanted] = [await liveAt(link, 3), orphanAt(4)]
  inventory.quarantine.push(wanted, unwanted)
  inventory.tree.push(wanted)
  expect(await run(link)).toMatchObject({ restoredCount: 1, collectedCount: 1 })
  expect(inventory.moves).toEqual([
    ['restore-file', wanted.copyId],
    ['discard-file', unwanted.copyId],
  ])
})

test.each(['COPY_NOT_FOUND', 'COPY_MISMATCH', 'DIGEST_MISMATCH'])(
  'one copy that cannot be moved (%s) keeps none of the others waiting',
  async (name) => {
    const { peer, link } = await connect()
    const inventory = new Inventory(peer)
    const damaged = await liveAt(link, 1)
    const [stuck, other] = [orphanAt(2), orphanAt(3)]
    inventory.quarantine.push(damaged)
    inventory.tree.push(damaged, stuck, other)
    inventory.refusals.set(`restore-file ${damaged.copyId}`, name).set(`quarantine-file ${stuck.copyId}`, name)
    expect(await run(link)).toMatchObject({ orphanCount: 2, collectedCount: 1, restoredCount: 0 })
    expect(inventory.moves.at(-1)).toEqual(['discard-file', other.copyId])
    // An orphan that could not be hidden was not renounced either.
    expect(await used.model.countDocuments({ state: 'tombstone' })).toBe(1)
  },
)

test('a disk that fails ends the moves of the pass, and not the pass', async () => {
  const { peer, link } = await connect()
  const inventory = new Inventory(peer)
  const [first, second] = [await liveAt(link, 1), await liveAt(link, 2)]
  inventory.quarantine.push(first, second)
  inventory.tree.push(first, second, orphanAt(3), orphanAt(4))
  inventory.refusals.set(`restore-file ${first.copyId}`, 'DISK_FAILED')
  expect(await run(link)).toMatchObject({ copyCount: 6, orphanCount: 2, restoredCount: 0, collectedCount: 0 })
  expect(inventory.moves).toEqual([['restore-file', first.copyId]])
  inventory.refusals.clear()
  expect(await run(link)).toMatchObject({ orphanCount: 2, restoredCount: 2, collectedCount: 2 })
})

test.each(['INTERNAL', 'DEADLINE_EXCEEDED'])('a file-server that fails (%s) ends the pass', async (name) => {
  const { peer, link } = await connect()
  const inventory = new Inventory(peer)
  const orphan = orphanAt(2)
  inventory.tree.push(orphan, orphanAt(3))
  inventory.refusals.set(`quarantine-file ${orphan.copyId}`, name)
  await expect(run(link)).rejects.toThrow()
  expect(inventory.moves).toHaveLength(1)
})

test('copies that records name and that are not there are counted, across pages, each once', async () => {
  const { peer, link } = await connect()
  const inventory = new Inventory(peer, 2)
  for (const slot of [1, 5, 9, 30]) inventory.tree.push(await liveAt(link, slot))
  for (const slot of [0, 7, 35]) await liveAt(link, slot)
  expect(await run(link)).toMatchObject({ copyCount: 4, missingCount: 3, orphanCount: 0 })
  expect(inventory.moves).toEqual([])
})

test('an unlikely share of missing copies is told before any is marked, and is none when they are there and count again', async () => {
  const { peer, link } = await connect()
  const inventory = new Inventory(peer)
  const empty = createHash('sha256').digest('hex') as Digest
  const copies: NamedCopy[] = []
  for (let slot = 0; slot < 51; slot++) {
    const record = newRecord(newName(), { storageClass: 'replicated' })
    const replica = newReplica(record._id, { server: link.id, slot: slot as Slot })
    await records.insert({ ...record, chunks: [newChunk([replica], { size: 0, sha256: empty })] })
    copies.push({ copyId: replica.copyId, slot: replica.slot, sha256: empty })
  }
  const marked = () => used.model.countDocuments({ 'chunks.replicas.bad': 'missing' })
  shares.length = 0
  const markedWhenTold: number[] = []
  const noteMissingShare = async (_server: ServerId, share: MissingShare | null) => {
    shares.push(share)
    markedWhenTold.push(await marked())
  }
  const pass = () =>
    reconcileServer({ ...reconcileDeps(), holders, noteMissingShare }, link, limits, new AbortController().signal)
  expect(await pass()).toMatchObject({ missingCount: 51, markedCount: 51, isMissingShare: true })
  inventory.tree.push(...copies)
  expect(await pass()).toMatchObject({ missingCount: 0, recountedCount: 51, isMissingShare: false })
  expect([shares, markedWhenTold, await marked()]).toEqual([[{ missing: 51, copies: 51 }, null], [0, 0], 0])
})

test('missing copies that are marked take no place from those that are not, and a pass that leaves some says so', async () => {
  const { peer, link } = await connect()
  new Inventory(peer)
  for (let slot = 0; slot < 5; slot++) {
    const record = newRecord(newName(), { storageClass: 'replicated' })
    const replicas = [newReplica(record._id, { server: link.id, slot: slot as Slot })]
    await records.insert({ ...record, chunks: [newChunk(replicas)] })
  }
  // The one copy of a file of class `single` is missing too, for good.
  await liveAt(link, 9)
  const pass = () =>
    reconcileServer({ ...reconcileDeps(), holders }, link, { ...limits, maxMarked: 2 }, new AbortController().signal)
  const seen = { missingCount: 6, missingSingleCount: 1 }
  expect(await pass()).toMatchObject({ ...seen, markedCount: 2, isCut: true })
  expect(await pass()).toMatchObject({ ...seen, markedCount: 2, isCut: true })
  expect(await pass()).toMatchObject({ ...seen, markedCount: 1, isCut: false })
  expect(await pass()).toMatchObject({ ...seen, markedCount: 0, isCut: false })
})

test('a copy that came after its page was read is asked for by name, and is not missing', async () => {
  const { peer, link } = await connect()
  const inventory = new Inventory(peer)
  const late = await liveAt(link, 6)
  peer.answer('list-copies', ({ cursor }: { cursor: InventoryCursor }, ack: Ack) => {
    inventory.tree.push(late)
    const next = cursor.where === 'tree' ? { where: 'quarantine', slot: 0 } : null
    ack({ ok: true, where: cursor.where, copies: [], next })
  })
  expect(await run(link)).toMatchObject({ copyCount: 0, missingCount: 0 })
})

test.each<[string, unknown]>([
  ['too few ages', { ok: true, agesMs: [] }],
  ['ages that are none', { ok: true, agesMs: ['old'] }],
  ['negative ages', { ok: true, agesMs: [-1] }],
  ['nothing', undefined],
])('an answer of %s collects nothing', async (_, result) => {
  const { peer, link } = await connect()
  const inventory = new Inventory(peer)
  inventory.tree.push(orphanAt(2))
  peer.answer('suspect-copies', (_command: unknown, ack: Ack) => ack(result))
  await expect(run(link)).rejects.toThrow()
  expect(inventory.moves).toEqual([])
})

test('a shutdown between two pages ends the pass, and nothing goes', async () => {
  const { peer, link } = await connect()
  const inventory = new Inventory(peer, 1)
  const stop = new AbortController()
  for (let slot = 0; slot < 10; slot++) inventory.tree.push(orphanAt(slot))
  peer.answer('suspect-copies', ({ copies }: { copies: unknown[] }, ack: Ack) => {
    stop.abort()
    ack({ ok: true, agesMs: copies.map(() => 5_000) })
  })
  expect(await run(link, stop.signal)).toMatchObject({ collectedCount: 0 })
  expect(inventory.moves).toEqual([])
})
