import { pino } from 'pino'
import { expect, test, vi } from 'vitest'
import { TrackerAddresses } from '../../src/napster/tracker-addresses.ts'

test.each([
  ['http://127.0.0.1:8000', '127.0.0.1'],
  ['http://localhost:8000', '127.0.0.1'],
  ['http://[::1]:8000', '::1'],
])('the tracker %s is at %s', async (origin, address) => {
  const addresses = new TrackerAddresses(origin, pino({ level: 'silent' }))
  await vi.waitFor(() => expect(addresses.has(address)).toBe(true), { timeout: 10_000 })
  expect(addresses.has('10.0.0.1')).toBe(false)
  addresses.close()
})

test('a name that nobody has stands for no address, and the log says so', async () => {
  const warn = vi.fn()
  const addresses = new TrackerAddresses('http://tracker.invalid', Object.assign(pino({ level: 'silent' }), { warn }))
  // A resolver may leave a question unanswered for as long as this.
  await vi.waitFor(() => expect(warn).toHaveBeenCalled(), { timeout: 40_000 })
  expect(addresses.has('127.0.0.1')).toBe(false)
  addresses.close()
})
