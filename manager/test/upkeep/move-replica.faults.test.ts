import { randomBytes } from 'node:crypto'
import { truncate } from 'node:fs/promises'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import { expect, test } from 'vitest'
import { waitUntil } from '../../../test/wait-until.ts'
import { deleteFile } from '../../src/files/delete-file.ts'
import { type FaultCluster, gate, instead, type ManagerParts, useFaultCluster } from './fault-cluster.ts'

const shared = useFaultCluster(3)
const bytes = randomBytes(700_000)
const lost = () => Promise.reject(new StoreError('DATABASE_UNAVAILABLE'))

/** A manager that is cut off from the database at one step of a move. */
const cutOff: Record<string, (parts: ManagerParts) => ManagerParts> = {
  'before the record is switched': (parts) => ({ ...parts, replicas: instead(parts.replicas, 'switchReplica', lost) }),
  'after the record was switched, not knowing it': (parts) => ({
    ...parts,
    replicas: instead(parts.replicas, 'switchReplica', (work) => work().then(lost)),
  }),
  'before the record is read again': (parts) => ({ ...parts, records: instead(parts.records, 'findLiveById', lost) }),
}

test.each(Object.entries(cutOff))(
  'a move that is cut off %s keeps the file readable, and one copy of it in the end',
  async (_, cut) => {
    const cluster = shared()
    const record = await cluster.upload('moved', bytes)
    await expect(cluster.move(record, cut(cluster.first))).rejects.toMatchObject({ name: 'DATABASE_UNAVAILABLE' })
    expect((await cluster.read('moved'))?.equals(bytes)).toBe(true)
    expect(await cluster.copies()).toHaveLength(2)
    await cluster.reconcile()
    expect((await cluster.read('moved'))?.equals(bytes)).toBe(true)
    expect(await cluster.copies()).toHaveLength(1)
  },
)

test('a move that slept until its new copy was collected does not switch the record to it', async () => {
  const cluster = shared()
  const record = await cluster.upload('moved', bytes)
  const asleep = gate(cluster.first.replicas, 'switchReplica', 'before')
  const moving = cluster.move(record, { ...cluster.first, replicas: asleep.gated })
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
  const gates = [cluster.first, cluster.second].map((parts) => ({
    parts,
    ...gate(parts.replicas, 'switchReplica', 'before'),
  }))
  const moves = gates.map(({ parts, gated }, to) => cluster.move(record, { ...parts, replicas: gated }, to))
  await Promise.all(gates.map(({ reached }) => reached))
  expect(await cluster.copies()).toHaveLength(3)
  for (const { open } of gates) open()
  expect((await Promise.all(moves)).sort()).toEqual([false, true])
  expect((await cluster.read('moved'))?.equals(bytes)).toBe(true)
  expect(await cluster.copies()).toHaveLength(1)
})

test('a file that is deleted between the switch and the last look stays deleted, and its bytes go', async () => {
  const cluster = shared()
  const record = await cluster.upload('moved', bytes)
  const asleep = gate(cluster.first.replicas, 'switchReplica', 'after')
  const moving = cluster.move(record, { ...cluster.first, replicas: asleep.gated })
  await asleep.reached
  await deleteFile(cluster.second, 'moved' as FileName, { requestId: 'test', log: {} as never })
  asleep.open()
  await expect(moving).rejects.toMatchObject({ name: 'FILE_NOT_FOUND' })
  await waitUntil('the new copy is gone', async () => (await cluster.copies()).length === 1)
  await cluster.reconcile()
  expect(await cluster.copies()).toEqual([])
  expect(await cluster.read('moved')).toBeNull()
})

/** Stops a mover after the switch, damages its new copy, and lets it go on once `meanwhile` is done. */
async function moveDamaged(cluster: FaultCluster, meanwhile: () => Promise<unknown>): Promise<string> {
  const before = await cluster.copies()
  const record = await cluster.upload('moved', bytes)
  const [source] = (await cluster.copies()).filter((path) => !before.includes(path))
  const asleep = gate(cluster.first.replicas, 'switchReplica', 'after')
  const moving = cluster.move(record, { ...cluster.first, replicas: asleep.gated }).then(
    () => 'moved',
    (error: Error) => error.name,
  )
  await asleep.reached
  const [fresh] = (await cluster.copies()).filter((path) => path !== source && !before.includes(path))
  await truncate(fresh ?? '', 1_000)
  await meanwhile()
  asleep.open()
  return moving
}

test('a new copy that turns out damaged after the switch sends the record back to the source', async () => {
  const cluster = shared()
  expect(await moveDamaged(cluster, async () => undefined)).toBe('COPY_NOT_FOUND')
  expect((await cluster.read('moved'))?.equals(bytes)).toBe(true)
})

test('a mover that slept while its source was collected does not point the record at what is gone', async () => {
  const cluster = shared()
  expect(await moveDamaged(cluster, () => cluster.reconcile())).toBe('CANCELLED')
  const [record] = await cluster.connection.collection('files').find({ name: 'moved' }).toArray()
  const [copy] = await cluster.copies()
  expect(copy).toContain(String(record?.chunks[0].replicas[0].copyId))
})
