import type { ServerId } from '@holdfast/shared/ids'
import { createLogger } from '@holdfast/shared/node/logger'
import { expect, test, vi } from 'vitest'
import { FileRecords } from '../../../src/files/file-records.ts'
import { HolderRecords } from '../../../src/files/holder-records.ts'
import type { KnownFileServer } from '../../../src/upkeep/file-server-directory.ts'
import { type ReplicateDeps, replicator } from '../../../src/upkeep/replicate/replicate.ts'
import { newChunk, newName, newRecord, newReplica, useDatabase } from '../../mongo/mongo-fixture.ts'

const used = useDatabase()
const dead = 'dddddddddddddddd' as ServerId

test.each([1, 2])('with REPLICAS=%i a file-server that stays away is given up, and forgotten', async (replicas) => {
  await used.model.deleteMany({})
  const [records, holders] = [new FileRecords(used.model), new HolderRecords(used.model)]
  const [deleted, kept] = [newRecord(newName()), newRecord(newName())]
  for (const record of [deleted, kept])
    await records.insert({ ...record, chunks: [newChunk([newReplica(record._id, { server: dead })])] })
  await records.markDeleted(deleted.name)
  const lostAt = new Date(0)
  const server = {
    ...{ id: dead, name: 'dead', zone: 'z', isActive: false, lastHeardAt: lostAt, lostAt },
    isLost: true,
  }
  const known: KnownFileServer = { ...server, silentMs: Date.now(), missingShare: null }
  const forget = vi.fn(async () => true)
  const deps = {
    holders,
    fileServers: { review: async () => [known], forget },
    lease: { isHeld: true, heldMs: 1e9 },
    registry: { views: () => [], links: [] },
    log: createLogger('test', 'silent'),
  } as unknown as ReplicateDeps
  const loop = replicator(deps, { everyMs: 1_000, replicas })
  const { signal } = new AbortController()
  const runToEnd = async (): Promise<void> => {
    while (await loop.run(signal));
  }
  await runToEnd()
  expect((await used.model.findById(deleted._id).lean())?.chunks[0]?.replicas).toEqual([])
  // A live file names a copy there.
  expect(forget).not.toHaveBeenCalled()
  await used.model.deleteOne({ _id: kept._id })
  await runToEnd()
  expect(forget).toHaveBeenCalledWith(dead)
})
