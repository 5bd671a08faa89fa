import { expect, test } from 'vitest'
import { ConnectionIds } from '../../../src/peers/udp/connection-ids.ts'

const ids = new ConnectionIds('the secret of the cluster')
const address = Buffer.from([10, 0, 0, 1])
const START = 1_800_000_000_000 - (1_800_000_000_000 % 60_000)

test('an id counts for one minute at least and two at most', () => {
  for (const age of [0, 30_000, 60_000]) {
    const id = ids.make(address, 6_881, START + 59_999)
    expect(ids.isValid(id, address, 6_881, START + 59_999 + age)).toBe(true)
  }
  const id = ids.make(address, 6_881, START)
  expect(ids.isValid(id, address, 6_881, START + 119_999)).toBe(true)
  expect(ids.isValid(id, address, 6_881, START + 120_000)).toBe(false)
  expect(ids.isValid(id, address, 6_881, START - 1)).toBe(false)
})

test('an id counts for the address and port that it was sent to, and for every manager of the cluster', () => {
  const id = ids.make(address, 6_881, START)
  expect(ids.isValid(id, Buffer.from([10, 0, 0, 2]), 6_881, START)).toBe(false)
  expect(ids.isValid(id, Buffer.from([10, 0, 0, 1, 0]), 6_881, START)).toBe(false)
  expect(ids.isValid(id, address, 6_882, START)).toBe(false)
  expect(new ConnectionIds('the secret of the cluster').isValid(id, address, 6_881, START)).toBe(true)
  expect(new ConnectionIds('another secret').isValid(id, address, 6_881, START)).toBe(false)
})
