import type { ServerId } from '@holdfast/shared/ids'
import { PART_BYTES } from '@holdfast/shared/limits'
import { createLogger } from '@holdfast/shared/node/logger'
import { expect, test, vi } from 'vitest'
import type { ServerView } from '../../src/chunks/placement.ts'
import type { Holder } from '../../src/files/file.model.ts'
import type { MoveWish } from '../../src/files/holder-records.ts'
import { type RebalanceDeps, rebalancer } from '../../src/upkeep/rebalance.ts'
import { newChunk, newRecord, newReplica } from '../mongo/mongo-fixture.ts'

const [source, nearlyFull, fresh] = ['1', '2', '3'].map((digit) => digit.repeat(16) as ServerId) as [
  ServerId,
  ServerId,
  ServerId,
]
const view = (id: ServerId, copyCount: number, roomBytes: number): ServerView => ({
  ...{ id, copyCount, roomBytes, zone: id },
  ...{ isActive: true, isWritable: true, isSilent: false },
})
const signal = new AbortController().signal

/** What is found is offered for a move to any of the file-servers. No file-server is connected, so that nothing is moved. */
function loopOver(views: () => ServerView[], found: (wish: MoveWish) => readonly Holder[]) {
  const findMovable = vi.fn(async (wish: MoveWish) => [...found(wish)])
  const take = vi.fn(async () => undefined)
  const deps = {
    registry: { links: [], views, find: () => undefined },
    holders: { findMovable },
    fileServers: { read: async () => [] },
    throttle: { take },
    log: createLogger('test', 'silent'),
  } as unknown as RebalanceDeps
  return { loop: rebalancer(deps, { everyMs: 1_000, threshold: 10 }), findMovable, take }
}

function holderOf(size: number): Holder {
  const record = newRecord('a')
  return { ...record, chunks: [newChunk([newReplica(record._id, { server: source })], { size })] }
}

test('a file-server that can take nothing that was planned for it leaves the others their turn, and gets its own again', async () => {
  const views = [
    view(source, 300, PART_BYTES),
    view(nearlyFull, 0, 2 * PART_BYTES),
    view(fresh, 100, 1_000 * PART_BYTES),
  ]
  const { loop, findMovable } = loopOver(
    () => views,
    () => [],
  )
  for (let round = 0; round < 4; round++) expect(await loop.run(signal)).toBe(false)
  expect(findMovable.mock.calls.map(([{ apart, maxBytes }]) => [apart, maxBytes / PART_BYTES])).toEqual([
    [[nearlyFull], 2],
    [[fresh], 1_000],
    // The round between found nobody else, and looked for nothing.
    [[nearlyFull], 2],
  ])
})

test('what a file-server has no room for, or none any more, costs nothing of the rate', async () => {
  let roomBytes = 2 * PART_BYTES
  const views = () => [view(source, 100, PART_BYTES), view(fresh, 0, roomBytes)]
  const { loop, take } = loopOver(views, () => {
    roomBytes = PART_BYTES
    return [holderOf(2 * PART_BYTES + 1), holderOf(2 * PART_BYTES), holderOf(PART_BYTES)]
  })
  await loop.run(signal)
  expect(take.mock.calls).toEqual([[PART_BYTES, signal]])
})
