import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { BufferPool } from '@holdfast/shared/wire/buffer-pool'
import { expect, test } from 'vitest'
import { bdecode } from '../../../../test/cluster/bdecode.ts'
import { waitUntil } from '../../../../test/cluster/wait-until.ts'
import { DownloadMemory } from '../../../src/chunks/reading/download-memory.ts'
import { HedgeBudget } from '../../../src/chunks/reading/hedge-budget.ts'
import { FileServerRegistry } from '../../../src/chunks/registry.ts'
import { useDatabase } from '../../mongo/mongo-fixture.ts'
import { exchange, startTracker, type Tracker } from '../tracker-fixture.ts'
import { torrentsOf } from './stored-torrent.ts'

const used = useDatabase()

/** Starts a tracker whose store seeds one file, on a free port. */
async function open() {
  const tracker = await startTracker(used.database)
  const { files, store } = torrentsOf(used)
  const stored = await store()
  const { ownSeed, swarms } = tracker.peers
  for (const hash of stored.hashes) await swarms.allow(hash)
  const reading = { registry: new FileServerRegistry(1_000), buffers: new BufferPool(), hedges: new HedgeBudget() }
  const seed = () => {
    const address = { host: '127.0.0.1', port: 0, isShared: false }
    ownSeed.open(address, { ...reading, records: files, memory: new DownloadMemory(1e9) })
    return waitUntil('the seed listens', () => ownSeed.addressFor('127.0.0.1') !== null)
  }
  return { tracker, ownSeed, seed, ...stored }
}

async function announce({ port }: Tracker, hash: string, rest = 'left=1') {
  const escaped = Buffer.from(hash, 'hex').toString('hex').replace(/../g, '%$&')
  const target = `/announce?info_hash=${escaped}&peer_id=${'x'.repeat(20)}&port=6881&${rest}`
  return bdecode((await exchange(port, target)).bytes)
}

async function announceUdp({ port }: Tracker, hash: string): Promise<Buffer> {
  const socket = createSocket('udp4')
  const ask = async (request: Buffer): Promise<Buffer> => {
    socket.send(request, port, '127.0.0.1')
    return (await once(socket, 'message', { signal: AbortSignal.timeout(10_000) }))[0]
  }
  const connected = await ask(Buffer.from('00000417271019800000000000000007', 'hex'))
  const request = Buffer.alloc(98)
  connected.copy(request, 0, 8, 16)
  request.writeUInt32BE(1, 8)
  request.write(hash, 16, 'hex')
  request.writeBigUInt64BE(1n, 64)
  request.writeInt32BE(-1, 92)
  request.writeUInt16BE(6_881, 96)
  const answer = await ask(request)
  socket.close()
  return answer
}

test('announces tell of the store as one complete peer, where it has the file and seeds it', async () => {
  const { tracker, ownSeed, seed, hashes } = await open()
  expect(await announce(tracker, hashes[0])).toMatchObject({ complete: 0, peers: '' })
  await seed()
  const port = Number(ownSeed.addressFor('127.0.0.1')?.split(':')[1])
  const compact = Buffer.from([127, 0, 0, 1, port >> 8, port & 0xff])
  for (const hash of hashes) {
    const answer = await announce(tracker, hash)
    expect(answer).toMatchObject({ complete: 1, incomplete: 1, peers: compact.toString('latin1') })
    const udp = await announceUdp(tracker, hash)
    expect([udp.readUInt32BE(12), udp.readUInt32BE(16)]).toEqual([1, 1])
    expect(udp.subarray(20)).toEqual(compact)
  }
  const { peers } = await announce(tracker, hashes[0], 'left=1&compact=0')
  expect(peers).toEqual([{ 'peer id': expect.stringMatching(/^-HF0100-/), ip: '127.0.0.1', port }])
  // None of it is in the database.
  const stored = used.database.connection.collection('swarm_peers')
  await waitUntil('the peers are written', async () => (await stored.countDocuments({ hash: hashes[0] })) === 1)
})

test('one that has completed, one that leaves and one that wants nobody are told of nobody', async () => {
  const { tracker, seed, hashes } = await open()
  await seed()
  for (const rest of ['left=0&event=completed', 'left=1&event=stopped', 'left=1&numwant=0'])
    expect(await announce(tracker, hashes[0], rest)).toMatchObject({ peers: '' })
})

test('one that knows no size yet, and so lacks nothing, is told of the store', async () => {
  const { tracker, seed, hashes } = await open()
  await seed()
  for (const rest of ['left=0&event=started', 'left=0'])
    expect((await announce(tracker, hashes[0], rest)).peers).toHaveLength(6)
})

test('swarms of something else do not hear of the store', async () => {
  const { tracker, seed } = await open()
  await seed()
  const hash = '33'.repeat(20)
  await tracker.peers.swarms.allow(hash)
  expect(await announce(tracker, hash)).toMatchObject({ complete: 0, peers: '' })
})

test('a magnet link leads to the seed by the name that was asked for, where that can be reached', async () => {
  const { ownSeed, seed } = await open()
  expect(ownSeed.addressFor('127.0.0.1')).toBeNull()
  await seed()
  expect(ownSeed.addressFor('[::1]')).toMatch(/^\[::1\]:\d+$/)
  expect(ownSeed.addressFor('localhost')).toMatch(/^localhost:\d+$/)
  // It listens on the loopback alone.
  expect(ownSeed.addressFor('files.example.org')).toBeNull()
})
