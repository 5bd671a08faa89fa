import { createLogger } from '@holdfast/shared/node/logger'
import { Types } from 'mongoose'
import { expect, test, vi } from 'vitest'
import type { Replica } from '../../src/chunks/chunk.ts'
import { BadReplicaReports } from '../../src/files/bad-replica-reports.ts'
import type { HolderRecords } from '../../src/files/holder-records.ts'
import { newReplica } from '../mongo/mongo-fixture.ts'

const replicas = (count: number): Replica[] => Array.from({ length: count }, () => newReplica(new Types.ObjectId()))
const reportsTo = (markBad: HolderRecords['markBad']) => {
  const onMarked = vi.fn()
  const holders = { markBad } as HolderRecords
  return { reports: new BadReplicaReports({ holders, onMarked, log: createLogger('test', 'silent') }), onMarked }
}

test('a copy that many readers find bad is marked once, and a failure keeps none of the others', async () => {
  const [first, failing, last] = replicas(3) as [Replica, Replica, Replica]
  const markBad = vi.fn(async (replica: Pick<Replica, 'copyId'>) => {
    if (replica === failing) throw new Error('the database is away')
    return true
  })
  const { reports, onMarked } = reportsTo(markBad)
  for (const replica of [first, first, failing, first, last]) reports.report(replica, 'damaged')
  await vi.waitFor(() => expect(onMarked).toHaveBeenCalledTimes(2))
  expect(markBad.mock.calls.map(([replica]) => replica)).toEqual([first, failing, last])
  await reports.close()
})

test('so many wait at most, and none after the end', async () => {
  let answer: (isMarked: boolean) => void = () => undefined
  const markBad = vi.fn(() => new Promise<boolean>((resolve) => (answer = resolve)))
  const { reports } = reportsTo(markBad)
  for (const replica of replicas(5_000)) reports.report(replica, 'missing')
  const closing = reports.close()
  for (const replica of replicas(5)) reports.report(replica, 'missing')
  answer(true)
  await closing
  expect(markBad).toHaveBeenCalledTimes(1)
})

test('what is marked already is not marked again', () => {
  const markBad = vi.fn(async () => true)
  const { reports } = reportsTo(markBad)
  for (const replica of replicas(1)) reports.report({ ...replica, bad: 'missing' }, 'damaged')
  expect(markBad).not.toHaveBeenCalled()
})
