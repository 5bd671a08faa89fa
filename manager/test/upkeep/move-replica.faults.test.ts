import { randomBytes } from 'node:crypto'
import { truncateSync } from 'node:fs'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import { createLogger } from '@holdfast/shared/node/logger'
import { expect, test } from 'vitest'
import { waitUntil } from '../../../test/cluster/wait-until.ts'
import { deleteFile } from '../../src/files/delete-file.ts'
import { type ManagerDeps, useFaultCluster } from './fault-cluster.ts'
import { gate, having, instead } from './gates.ts'

const shared = useFaultCluster(3)
const bytes = randomBytes(700_000)
const quiet = createLogger('test', 'silent')
const lost = () => Promise.reject(new StoreError('DATABASE_UNAVAILABLE'))

/** Each row cuts a manager off from the database at one step of a move, and says how many copies that leaves. */
const cutOff: [string, number, string, (deps: ManagerDeps) => ManagerDeps][] = [
  [
    'before the record is switched',
    2,
    'DATABASE_UNAVAILABLE',
    (deps) => ({ ...deps, holders: instead(deps.holders, 'replaceReplica', lost) }),
  ],
  [
    'after the record was switched, not knowing it',
    2,
    'DATABASE_UNAVAILABLE',
    (deps) => ({ ...deps, holders: instead(deps.holders, 'replaceReplica', (work) => work().then(lost)) }),
  ],
  [
    'before the old copy is forgotten',
    1,
    'moved',
    ({ holders, ...deps }) => ({
      ...deps,
      holders: having(holders, 'removals', instead(holders.removals, 'forgetLeaving', lost)),
    }),
  ],
]

test.each(cutOff)(
  'a move that is cut off %s keeps the file readable, and one copy of it in the end',
  async (_, left, outcome, cut) => {
    const cluster = shared()
    const record = await cluster.upload('moved', bytes)
    const moving = cluster.move(record, cut(cluster.first)).then(
      (isMoved) => (isMoved ? 'moved' : 'not moved'),
      (error: Error) => error.name,
    )
    expect(await moving).toBe(outcome)
    expect((await cluster.read('moved'))?.equals(bytes)).toBe(true)
    expect(await cluster.copies()).toHaveLength(left)
    await cluster.reconcile()
    await cluster.collectGarbage()
    expect((await cluster.read('moved'))?.equals(bytes)).toBe(true)
    expect(await cluster.copies()).toHaveLength(1)
    const [after] = await cluster.connection.collection('files').find({ name: 'moved' }).toArray()
    expect(after?.chunks[0].leaving ?? []).toEqual([])
  },
)

test('reconcile leaves a copy alone that is leaving: it is deleted by name', async () => {
  const cluster = shared()
  const record = await cluster.upload('moved', bytes)
  const asleep = gate(cluster.first.holders, 'replaceReplica', 'after')
  const moving = cluster.move(record, { ...cluster.first, holders: asleep.gated })
  await asleep.reached
  for (const report of await cluster.reconcile()) expect(report).toMatchObject({ orphanCount: 0, missingCount: 0 })
  expect(await cluster.copies()).toHaveLength(2)
  asleep.open()
  expect(await moving).toBe(true)
  expect(await cluster.copies()).toHaveLength(1)
})

test('a move that slept until its new copy was collected does not switch the record to it', async () => {
  const cluster = shared()
  const record = await cluster.upload('moved', bytes)
  const asleep = gate(cluster.first.holders, 'replaceReplica', 'before')
  const moving = cluster.move(record, { ...cluster.first, holders: asleep.gated })
  await asleep.reached
  await cluster.reconcile()
  asleep.open()
  expect(await moving).toBe(false)
  expect((await cluster.read('moved'))?.equals(bytes)).toBe(true)
  expect(await cluster.copies()).toHaveLength(1)
})

test('two managers that move one file to two file-servers at once leave one copy, readable all the time', async () => {
  const cluster = shared()
  const record = await cluster.upload('moved', bytes)
  const gates = [cluster.first, cluster.second].map((deps) => ({
    deps,
    ...gate(deps.holders, 'replaceReplica', 'before'),
  }))
  const moves = gates.map(({ deps, gated }, to) => cluster.move(record, { ...deps, holders: gated }, to))
  await Promise.all(gates.map(({ reached }) => reached))
  expect(await cluster.copies()).toHaveLength(3)
  for (const { open } of gates) open()
  expect((await Promise.all(moves)).sort()).toEqual([false, true])
  expect((await cluster.read('moved'))?.equals(bytes)).toBe(true)
  expect(await cluster.copies()).toHaveLength(1)
})

test('a file that is deleted between the switch and the delete of its old copy stays deleted, and its bytes go', async () => {
  const cluster = shared()
  const record = await cluster.upload('moved', bytes)
  const asleep = gate(cluster.first.holders, 'replaceReplica', 'after')
  const moving = cluster.move(record, { ...cluster.first, holders: asleep.gated })
  await asleep.reached
  await deleteFile(cluster.second, 'moved' as FileName, { requestId: 'test', log: quiet })
  asleep.open()
  await moving
  await waitUntil('both copies are gone', async () => (await cluster.copies()).length === 0)
  await waitUntil(
    'the record is gone',
    async () => (await cluster.connection.collection('files').countDocuments()) === 0,
  )
  expect(await cluster.read('moved')).toBeNull()
})

test('a new copy that turns out damaged is given up before the record comes to name it', async () => {
  const cluster = shared()
  const record = await cluster.upload('moved', bytes)
  const [source] = await cluster.copies()
  let damagedCount = 0
  const registry = instead(cluster.first.registry, 'count', (work) => {
    for (const fresh of cluster.copiesNow().filter((path) => path !== source)) {
      truncateSync(fresh, 1_000)
      damagedCount++
    }
    return work()
  })
  await expect(cluster.move(record, { ...cluster.first, registry })).rejects.toMatchObject({ name: 'COPY_NOT_FOUND' })
  expect(damagedCount).toBe(1)
  expect((await cluster.read('moved'))?.equals(bytes)).toBe(true)
  await waitUntil('the damaged copy is gone', async () => (await cluster.copies()).length === 1)
  expect(await cluster.copies()).toEqual([source])
})
