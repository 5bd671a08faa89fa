import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { parseAddress } from '@holdfast/shared/node/address'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { testInFull } from '../../../../test/full-run.ts'
import { peerOf, Swarm, type SwarmPeer } from '../../../src/peers/swarms/swarm.ts'

function addressOf(ip: string) {
  const address = parseAddress(ip)
  if (address === null) throw new Error(`${ip} is no address`)
  return address
}

function newPeer(ip: string, port: number, fields: { isSeed?: boolean; expiresAt?: number } = {}) {
  const address = addressOf(ip)
  const rest = { peerId: '-XX0001-123456789012', isSeed: false, expiresAt: 1_000, storedUntil: 0, ...fields }
  return peerOf({ address, port }, rest)
}

/** A key ends with the port. */
const portOf = ({ key }: SwarmPeer) => Buffer.from(key, 'latin1').readUInt16BE(key.length - 2)

const anyone = { key: '', scope: 'loopback', isSeed: false, family: null } as const

test('whatever comes and goes, a swarm knows those who are there', () => {
  const step = fc.record({
    port: fc.integer({ min: 1, max: 20 }),
    act: fc.constantFrom('put', 'delete', 'expire'),
    isSeed: fc.boolean(),
    expiresAt: fc.nat(50),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const swarm = new Swarm()
      const model = new Map<number, boolean>()
      for (const { port, act, isSeed } of steps) {
        if (act === 'put') {
          swarm.put(newPeer('10.0.0.1', port, { isSeed }))
          model.set(port, isSeed)
        } else if (act === 'delete') {
          expect(swarm.delete(newPeer('10.0.0.1', port).key)).toBe(model.delete(port))
        } else swarm.expire(999)
        expect(swarm.size).toBe(model.size)
        expect(swarm.seedCount).toBe([...model.values()].filter(Boolean).length)
        const ports = swarm.choose(anyone, 100, 0.5).map(portOf)
        expect(ports.sort((a, b) => a - b)).toEqual([...model.keys()].sort((a, b) => a - b))
      }
    }),
  )
})

test('those go that have expired', () => {
  const swarm = new Swarm()
  for (let port = 1; port <= 10; port++) swarm.put(newPeer('10.0.0.1', port, { expiresAt: port }))
  swarm.put(newPeer('10.0.0.1', 1, { expiresAt: 20 }))
  swarm.expire(5)
  expect(
    swarm
      .peers()
      .map(portOf)
      .sort((a, b) => a - b),
  ).toEqual([1, 6, 7, 8, 9, 10])
})

test('a swarm knows at most 2,000 peers, and 64 of one address', () => {
  const swarm = new Swarm()
  for (let number = 0; number < 2_500; number++) swarm.put(newPeer(`10.0.${number >> 8}.${number & 255}`, 6_881))
  expect(swarm.size).toBe(2_000)
  expect(swarm.get(newPeer('10.0.0.0', 6_881).key)).toBeUndefined()
  expect(swarm.get(newPeer('10.0.9.195', 6_881).key)).toBeDefined()
  for (let port = 1; port <= 64; port++) {
    expect(swarm.hasRoomFor(addressOf('10.9.9.9'))).toBe(true)
    swarm.put(newPeer('10.9.9.9', port))
  }
  expect(swarm.hasRoomFor(addressOf('10.9.9.9'))).toBe(false)
  swarm.delete(newPeer('10.9.9.9', 1).key)
  expect(swarm.hasRoomFor(addressOf('10.9.9.9'))).toBe(true)
})

test('an asker is told of others that it can reach, and a seed of no seeds', () => {
  const swarm = new Swarm()
  const [local, inner, outer, six] = [
    newPeer('127.0.0.2', 1, { isSeed: true }),
    newPeer('10.0.0.1', 2),
    newPeer('93.184.216.34', 3, { isSeed: true }),
    newPeer('2a00:1450::1', 4),
  ]
  for (const peer of [local, inner, outer, six]) swarm.put(peer)
  const told = (asker: Partial<Parameters<Swarm['choose']>[0]>) =>
    swarm
      .choose({ ...anyone, ...asker }, 10, 0.3)
      .map(portOf)
      .sort()
  expect(told({})).toEqual([1, 2, 3, 4])
  expect(told({ scope: 'private' })).toEqual([2, 3, 4])
  expect(told({ scope: 'public' })).toEqual([3, 4])
  expect(told({ isSeed: true })).toEqual([2, 4])
  expect(told({ family: 6 })).toEqual([4])
  expect(told({ family: 4 })).toEqual([1, 2, 3])
  expect(told({ key: six.key })).toEqual([1, 2, 3])
})

test('of many a few are chosen, and each of them at some time', () => {
  const swarm = new Swarm()
  for (let port = 1; port <= 100; port++) swarm.put(newPeer('10.0.0.1', port))
  const seen = new Set<number>()
  for (let random = 0; random < 1; random += 0.05) {
    const chosen = swarm.choose(anyone, 10, random).map(portOf)
    expect(new Set(chosen).size).toBe(10)
    for (const port of chosen) seen.add(port)
  }
  expect(seen.size).toBe(100)
})

test('64 bits of IPv6 count as one address, and an IPv4 address is no beginning of one', () => {
  const swarm = new Swarm()
  for (let number = 1; number <= 64; number++) swarm.put(newPeer(`2a00:1450::${number.toString(16)}`, 6_881))
  expect(swarm.hasRoomFor(addressOf('2a00:1450::ffff'))).toBe(false)
  expect(swarm.hasRoomFor(addressOf('2a00:1450:0:1::1'))).toBe(true)
  // The bytes of its address are those with which the others begin.
  expect(swarm.hasRoomFor(addressOf('42.0.20.80'))).toBe(true)
})

test('of a full swarm the one goes that announced longest ago, though it came last', () => {
  const swarm = new Swarm()
  for (let number = 0; number < 2_000; number++)
    swarm.put(newPeer(`10.0.${number >> 8}.${number & 255}`, 1, { expiresAt: 100 }))
  for (let number = 0; number < 1_999; number++)
    swarm.put(newPeer(`10.0.${number >> 8}.${number & 255}`, 1, { expiresAt: 200 }))
  swarm.put(newPeer('10.1.0.0', 1, { expiresAt: 200 }))
  expect(swarm.size).toBe(2_000)
  expect(swarm.get(newPeer('10.0.7.207', 1).key)).toBeUndefined()
  expect(swarm.get(newPeer('10.0.0.0', 1).key)).toBeDefined()
})

testInFull('a peer takes less than 300 bytes of memory, and a swarm of one less than 600', () => {
  // The collector is at hand in a context of its own where Node was not started for it.
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const measure = (swarms: number, peers: number): number => {
    collect()
    const before = memoryOf()
    const made = Array.from({ length: swarms }, (_, swarm) => {
      const filled = new Swarm()
      for (let peer = 0; peer < peers; peer++)
        filled.put(newPeer(`10.${swarm & 255}.${swarm >> 8}.${peer & 255}`, peer))
      return filled
    })
    collect()
    const bytes = memoryOf() - before
    expect(made.every(({ size }) => size === peers)).toBe(true)
    return bytes / (swarms * peers)
  }
  measure(100, 10)
  expect(measure(200, 200)).toBeLessThan(300)
  expect(measure(10_000, 1)).toBeLessThan(600)
})

function memoryOf(): number {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
