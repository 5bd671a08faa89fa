import { parseAddress } from '@holdfast/shared/node/address'
import { expect, test } from 'vitest'
import { peerOf, Swarm } from '../../../src/peers/swarms/swarm.ts'
import { SwarmMemory } from '../../../src/peers/swarms/swarm-memory.ts'

const fields = { peerId: '-XX0001-123456789012', isSeed: false, expiresAt: 1_000, storedUntil: 0 }

function swarmOf(peerCount: number): Swarm {
  const address = parseAddress('10.0.0.1')
  if (address === null) throw new Error('no address')
  const swarm = new Swarm()
  for (let port = 1; port <= peerCount; port++) swarm.put(peerOf({ address, port }, fields))
  return swarm
}

test.each([
  ['25,000 swarms', 1, 25_000],
  ['150,000 peers', 2_000, 75],
])('%s are held, and one more makes a tenth go, first what was used longest ago', (_, size, count) => {
  const memory = new SwarmMemory()
  for (let number = 0; number < count; number++) memory.put(`${number}`, swarmOf(size), 0)
  expect(memory.held()).toEqual({ swarms: count, peers: count * size, seeds: 0 })
  const first = memory.get('0')
  if (first === undefined) throw new Error('the first swarm is gone')
  memory.put('0', first, first.size)
  memory.put('one more', swarmOf(size), 0)
  const held = memory.held()
  expect(held).toEqual({ swarms: Math.floor(count * 0.9), peers: Math.floor(count * 0.9) * size, seeds: 0 })
  expect(['0', '1', 'one more'].map((hash) => memory.get(hash) !== undefined)).toEqual([true, false, true])
})
