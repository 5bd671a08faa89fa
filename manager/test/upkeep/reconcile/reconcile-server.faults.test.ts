import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { waitUntil } from '../../../../test/cluster/wait-until.ts'
import { useFaultCluster } from '../fault-cluster.ts'
import { gate, having } from '../gates.ts'

const shared = useFaultCluster(1)

test('an upload whose manager slept through the grace period is refused, stays invisible and leaves no bytes', async () => {
  const cluster = shared()
  const asleep = gate(cluster.first.records, 'insert', 'before')
  const uploading = cluster.upload('slept', randomBytes(3_000), { ...cluster.first, records: asleep.gated })
  const outcome = uploading.then(
    () => 'acknowledged',
    (error: Error) => error.name,
  )
  await asleep.reached
  await cluster.reconcile()
  expect(await cluster.copies()).toEqual([])
  asleep.open()
  expect(await outcome).toBe('COPY_DISCARDED')
  expect(await cluster.read('slept')).toBeNull()
  expect((await cluster.upload('slept', Buffer.from('again'))).name).toBe('slept')
})

test('a record that comes while its copy is in quarantine gets it back, though uploads take slots meanwhile', async () => {
  const cluster = shared()
  const bytes = randomBytes(3_000)
  const asleep = gate(cluster.first.records, 'insert', 'before')
  const uploading = cluster.upload('wanted', bytes, { ...cluster.first, records: asleep.gated })
  await asleep.reached
  const collecting = gate(cluster.second.holders.removals, 'renounceCopy', 'before')
  const pass = cluster.reconcile({
    ...cluster.second,
    holders: having(cluster.second.holders, 'removals', collecting.gated),
  })
  await collecting.reached
  for (let index = 0; index < 5; index++) await cluster.upload(`other-${index}`, randomBytes(100))
  asleep.open()
  await uploading
  collecting.open()
  expect(await pass).toMatchObject([{ restoredCount: 1, collectedCount: 0 }])
  expect((await cluster.read('wanted'))?.equals(bytes)).toBe(true)
  expect(await cluster.reconcile()).toMatchObject([{ copyCount: 6, orphanCount: 0, missingCount: 0 }])
})

test('passes of two managers at once collect an orphan once and never a live file', async () => {
  const cluster = shared()
  const bytes = randomBytes(500)
  await cluster.upload('live', bytes)
  const asleep = gate(cluster.first.records, 'insert', 'before')
  const uploading = cluster.upload('orphan', randomBytes(3_000), { ...cluster.first, records: asleep.gated })
  const outcome = uploading.then(
    () => 'acknowledged',
    (error: Error) => error.name,
  )
  await asleep.reached
  const stale = gate(cluster.first.holders.removals, 'renounceCopy', 'after')
  const stalePass = cluster.reconcile({
    ...cluster.first,
    holders: having(cluster.first.holders, 'removals', stale.gated),
  })
  await stale.reached
  await cluster.reconcile(cluster.second)
  stale.open()
  await stalePass
  asleep.open()
  expect(await outcome).toBe('COPY_DISCARDED')
  await waitUntil('one copy is left', async () => (await cluster.copies()).length === 1)
  expect((await cluster.read('live'))?.equals(bytes)).toBe(true)
})
