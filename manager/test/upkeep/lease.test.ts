import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Lease } from '../../src/upkeep/lease.ts'
import { useDatabase } from '../mongo/mongo-fixture.ts'

const used = useDatabase()
let leases: Lease[] = []
const leaseOf = (holder: string): Lease => {
  const lease = new Lease(used.database, holder)
  leases.push(lease)
  return lease
}
const collection = () =>
  used.database.connection.collection<{ _id: string; holder?: string; expiresAt: Date }>('leases')
/** Makes the lease look as it does when its holder has been silent for too long. */
const expire = (): Promise<unknown> => collection().updateOne({ _id: 'upkeep' }, { $set: { expiresAt: new Date(0) } })

beforeEach(async () => {
  leases = []
  await collection().deleteMany({})
})
afterEach(async () => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  await Promise.all(leases.map((lease) => lease.close()))
})

test('of many managers that start at once exactly one has the lease', async () => {
  const all = Array.from({ length: 8 }, (_, index) => leaseOf(`manager-${index}`))
  await Promise.all(all.map((lease) => lease.start()))
  expect(all.filter((lease) => lease.isHeld)).toHaveLength(1)
  expect(await collection().countDocuments()).toBe(1)
})

test('a lease that ran out is taken over, and the old holder is told at its next renewal', async () => {
  const [first, second] = [leaseOf('first'), leaseOf('second')]
  await first.start()
  await second.start()
  expect([first.isHeld, second.isHeld]).toEqual([true, false])
  await expire()
  const third = leaseOf('third')
  await third.start()
  expect(third.isHeld).toBe(true)
  const again = new Lease(used.database, 'first')
  leases.push(again)
  await again.start()
  expect(again.isHeld).toBe(false)
})

test('its holder renews it, also after it ran out', async () => {
  const lease = leaseOf('holder')
  await lease.start()
  const before = await collection().findOne({ _id: 'upkeep' })
  await expire()
  const same = new Lease(used.database, 'holder')
  leases.push(same)
  await same.start()
  const after = await collection().findOne({ _id: 'upkeep' })
  expect(same.isHeld).toBe(true)
  expect(after?.expiresAt.getTime()).toBeGreaterThanOrEqual(before?.expiresAt.getTime() ?? 0)
})

test('a holder stops five seconds before the database lets another one in, by its own clock', async () => {
  const lease = leaseOf('holder')
  const startedAt = performance.now()
  await lease.start()
  const found = await collection().findOne({ _id: 'upkeep' })
  const lastsMs = (found?.expiresAt.getTime() ?? 0) - Date.now()
  expect(lastsMs).toBeGreaterThan(14_000)
  const now = vi.spyOn(performance, 'now')
  now.mockReturnValue(startedAt + 9_999)
  expect(lease.isHeld).toBe(true)
  now.mockReturnValue(startedAt + 10_000 + 1_000)
  expect(lease.isHeld).toBe(false)
})

test('a renewal that hangs does not keep the lease: it counts from when it was asked for', async () => {
  const lease = leaseOf('holder')
  const asked = performance.now()
  let clock = asked
  vi.spyOn(performance, 'now').mockImplementation(() => clock)
  const starting = lease.start()
  clock = asked + 11_000
  await starting
  expect(lease.isHeld).toBe(false)
})

test('a lease that was given back is taken at once', async () => {
  const first = leaseOf('first')
  await first.start()
  await first.close()
  expect(first.isHeld).toBe(false)
  const second = leaseOf('second')
  await second.start()
  expect(second.isHeld).toBe(true)
})

test('giving back what another one holds changes nothing', async () => {
  const [first, second] = [leaseOf('first'), leaseOf('second')]
  await first.start()
  await second.start()
  await second.close()
  expect((await collection().findOne({ _id: 'upkeep' }))?.holder).toBe('first')
})

test('a lease that is closed while it is being renewed is given back after all', async () => {
  const lease = leaseOf('holder')
  const starting = lease.start()
  await lease.close()
  await starting
  const other = leaseOf('other')
  await other.start()
  expect([lease.isHeld, other.isHeld]).toEqual([false, true])
})

test('it tells since when it is held without a break, by the monotonic clock', async () => {
  let clock = performance.now()
  vi.spyOn(performance, 'now').mockImplementation(() => clock)
  const lease = leaseOf('holder')
  expect(lease.heldMs).toBe(0)
  await lease.start()
  clock += 4_000
  expect(lease.heldMs).toBeCloseTo(4_000, 3)
  // A manager that was asleep for longer than the lease lasts has not watched anything meanwhile.
  clock += 60_000
  expect(lease.heldMs).toBe(0)
})
