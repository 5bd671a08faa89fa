import { randomBytes, randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import { waitUntil } from '../../../../test/cluster/wait-until.ts'
import { countOf } from '../../../../test/full-run.ts'
import { RateLimit } from '../../../src/peers/rate-limit.ts'
import { newCounts } from '../../../src/peers/stats/tracker-counts.ts'
import { ConnectionIds } from '../../../src/peers/udp/connection-ids.ts'
import { UdpTracker } from '../../../src/peers/udp/udp-tracker.ts'
import { useDatabase } from '../../mongo/mongo-fixture.ts'
import { exchange, startTracker } from '../tracker-fixture.ts'

const used = useDatabase()
const newHash = () => randomBytes(20)
const PROTOCOL_ID = Buffer.from('0000041727101980', 'hex')

function connectRequest(transaction = 7): Buffer {
  const request = Buffer.alloc(16)
  PROTOCOL_ID.copy(request)
  request.writeUInt32BE(transaction, 12)
  return request
}

interface Fields {
  readonly event?: number
  readonly left?: bigint
  readonly wanted?: number
  readonly port?: number
  readonly ip?: number
  readonly options?: Buffer
}

function announceRequest(id: Buffer, hash: Buffer, fields: Fields = {}): Buffer {
  const request = Buffer.alloc(98)
  id.copy(request)
  request.writeUInt32BE(1, 8)
  request.writeUInt32BE(9, 12)
  hash.copy(request, 16)
  request.write('-XX0001-123456789012', 36, 'latin1')
  request.writeBigUInt64BE(fields.left ?? 1n, 64)
  request.writeUInt32BE(fields.event ?? 0, 80)
  request.writeUInt32BE(fields.ip ?? 0, 84)
  request.writeInt32BE(fields.wanted ?? -1, 92)
  request.writeUInt16BE(fields.port ?? 6_881, 96)
  return fields.options === undefined ? request : Buffer.concat([request, fields.options])
}

function scrapeRequest(id: Buffer, ...hashes: Buffer[]): Buffer {
  const header = Buffer.alloc(16)
  id.copy(header)
  header.writeUInt32BE(2, 8)
  header.writeUInt32BE(11, 12)
  return Buffer.concat([header, ...hashes])
}

/** Speaks to a tracker from an address of this machine. */
async function startClient(port: number, ip: string) {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, ip, resolve))
  onTestFinished(() => {
    socket.close()
  })
  const ask = async (request: Buffer): Promise<Buffer> => {
    const answer = once(socket, 'message', { signal: AbortSignal.timeout(10_000) })
    socket.send(request, port, '127.0.0.1')
    return (await answer)[0]
  }
  const connected = await ask(connectRequest())
  const id = connected.subarray(8)
  return {
    socket,
    id,
    connected,
    ask,
    announce: async (hash: Buffer, fields?: Fields) => {
      const answer = await ask(announceRequest(id, hash, fields))
      return {
        action: answer.readUInt32BE(0),
        transaction: answer.readUInt32BE(4),
        interval: answer.readUInt32BE(8),
        leechers: answer.readUInt32BE(12),
        seeds: answer.readUInt32BE(16),
        peers: Array.from({ length: (answer.length - 20) / 6 }, (_, index) => {
          const peer = answer.subarray(20 + 6 * index)
          return `${peer.subarray(0, 4).join('.')}:${peer.readUInt16BE(4)}`
        }).sort(),
      }
    },
  }
}

describe('a client of BEP 15', () => {
  test('connects, announces, and is told of the others, those who came over HTTP too', async () => {
    const tracker = await startTracker(used.database)
    const hash = newHash()
    const [seed, other] = [await startClient(tracker.port, '127.0.0.2'), await startClient(tracker.port, '127.0.0.3')]
    expect(seed.connected.subarray(0, 8).toString('hex')).toBe('0000000000000007')
    expect(await seed.announce(hash, { left: 0n, event: 2 })).toEqual({
      ...{ action: 1, transaction: 9, interval: 60, leechers: 0, seeds: 1, peers: [] },
    })
    const escaped = [...hash].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
    await exchange(tracker.port, `/announce?info_hash=${escaped}&peer_id=${'x'.repeat(20)}&port=5&left=1`)
    expect(await other.announce(hash, { event: 2 })).toMatchObject({
      ...{ leechers: 2, seeds: 1, peers: ['127.0.0.1:5', '127.0.0.2:6881'] },
    })
    expect((await other.announce(hash, { event: 1, left: 0n, wanted: 0 })).peers).toEqual([])
    expect(await seed.announce(hash, { event: 3 })).toMatchObject({ leechers: 1, seeds: 1, peers: [] })
    const scraped = await other.ask(scrapeRequest(other.id, hash, newHash()))
    expect(scraped.toString('hex')).toBe(
      ['00000002', '0000000b', '00000001', '00000001', '00000001', '00000000', '00000000', '00000000'].join(''),
    )
  })

  test('is where its datagrams come from, whatever address stands in them', async () => {
    const tracker = await startTracker(used.database)
    const hash = newHash()
    const [first, second] = [await startClient(tracker.port, '127.0.0.2'), await startClient(tracker.port, '127.0.0.3')]
    await first.announce(hash, { ip: 0x0a000001 })
    expect((await second.announce(hash)).peers).toEqual(['127.0.0.2:6881'])
  })

  test('may add what BEP 41 says of the URL', async () => {
    const tracker = await startTracker(used.database)
    const client = await startClient(tracker.port, '127.0.0.2')
    for (const options of ['0209', '02052f6162636400', '01010100', 'ff', '02ff41'])
      expect(await client.announce(newHash(), { options: Buffer.from(options, 'hex') })).toMatchObject({ action: 1 })
  })

  test('is told what is wrong, once it has shown that it is there', async () => {
    const tracker = await startTracker(used.database, { isTrackerOpen: false })
    const { id, ask } = await startClient(tracker.port, '127.0.0.2')
    const wrongAction = announceRequest(id, newHash())
    wrongAction.writeUInt32BE(7, 8)
    for (const request of [
      announceRequest(id, newHash()),
      announceRequest(id, newHash(), { port: 0 }),
      announceRequest(id, newHash()).subarray(0, 97),
      scrapeRequest(id),
      wrongAction,
    ]) {
      const answer = await ask(request)
      expect(answer.readUInt32BE(0)).toBe(3)
      expect(answer.toString('utf8', 8)).toMatch(/^[a-z][ \w-]+$/i)
    }
  })

  test('gets at most what one datagram carries, of 1,500 peers', async () => {
    const tracker = await startTracker(used.database)
    const hash = newHash()
    const { swarms } = tracker.peers
    for (let number = 0; number < 1_500; number++) {
      const bytes = Buffer.from([93, 184, number >> 8, number & 255])
      const address = { ip: bytes.join('.'), scope: 'public' as const, bytes, network: bytes.toString('hex') }
      const rest = { peerId: Buffer.alloc(20), isSeed: true, event: null, wanted: 0, family: null }
      await swarms.announce({ infoHash: hash.toString('hex'), endpoint: { address, port: 1 }, ...rest })
    }
    const client = await startClient(tracker.port, '127.0.0.2')
    const { peers, seeds } = await client.announce(hash, { wanted: 1_000_000 })
    expect([peers.length, seeds]).toEqual([200, 1_500])
    expect((await client.announce(hash)).peers).toHaveLength(50)
  })
})

describe('a source that has not shown that it is there', () => {
  test.each([
    ['an id that nobody gave', (id: Buffer) => announceRequest(Buffer.from(id).fill(0), newHash())],
    ['the id of everybody (bittorrent-tracker)', () => announceRequest(PROTOCOL_ID, newHash())],
    ['a scrape with such an id', () => scrapeRequest(PROTOCOL_ID, newHash())],
    ['a connect with another protocol', () => connectRequest().fill(1, 0, 8)],
    ['a connect that is too short', () => connectRequest().subarray(0, 15)],
    ['nothing', () => Buffer.alloc(0)],
  ])('gets no answer to %s', async (_, requestOf) => {
    const tracker = await startTracker(used.database)
    const { id, socket, ask } = await startClient(tracker.port, '127.0.0.2')
    let count = 0
    socket.on('message', () => count++)
    socket.send(requestOf(id), tracker.port, '127.0.0.1')
    // What comes next is answered, and it comes after.
    await ask(connectRequest())
    expect(count).toBe(1)
  })

  test('cannot use the id of another address', async () => {
    const tracker = await startTracker(used.database)
    const [first, second] = [await startClient(tracker.port, '127.0.0.2'), await startClient(tracker.port, '127.0.0.3')]
    let count = 0
    second.socket.on('message', () => count++)
    second.socket.send(announceRequest(first.id, newHash()), tracker.port, '127.0.0.1')
    await second.ask(connectRequest())
    expect(count).toBe(1)
  })
})

const fuzzedCount = countOf(100_000, 8_000)
test(`${fuzzedCount} datagrams of any kind harm nothing, and bring no more than was sent`, {
  timeout: 120_000,
}, async () => {
  const tracker = await startTracker(used.database)
  const swarms = tracker.peers.swarms
  const [received, sent] = [new Map<string, number>(), new Map<string, number>()]
  const add = (counts: Map<string, number>, source: string, bytes: number) =>
    counts.set(source, (counts.get(source) ?? 0) + bytes)
  const limits = {
    connects: new RateLimit({ perSecond: 1e6, burst: 1e6 }),
    requests: new RateLimit({ perSecond: 1e6, burst: 1e6 }),
  }
  const udp = new UdpTracker({
    ...{ swarms, ...limits, counts: newCounts(), ids: new ConnectionIds('the secret of the cluster') },
    send: (datagram, port, ip) => add(sent, `${ip} ${port}`, datagram.length),
  })
  const templates = [
    connectRequest(),
    announceRequest(randomBytes(8), newHash()),
    scrapeRequest(PROTOCOL_ID, newHash()),
  ]
  for (let number = 0; number < fuzzedCount; number++) {
    const kind = number % 4
    const template = templates[kind] ?? randomBytes(randomInt(200))
    const datagram = Buffer.from(template.subarray(0, template.length - (randomInt(8) === 0 ? randomInt(8) : 0)))
    for (let flips = randomInt(4); flips > 0 && datagram.length > 0; flips--)
      datagram[randomInt(datagram.length)] = randomInt(256)
    const source = { address: `198.51.100.${randomInt(256)}`, port: randomInt(65_536) }
    add(received, `${source.address} ${source.port}`, datagram.length)
    udp.take(datagram, source)
  }
  for (const [source, bytes] of sent) expect(bytes).toBeLessThanOrEqual(received.get(source) ?? 0)
  expect(sent.size).toBeGreaterThan(fuzzedCount / 20)

  const { id, socket, announce } = await startClient(tracker.port, '127.0.0.2')
  for (let number = 0; number < 2_000; number++) {
    const fuzzed = number % 2 === 0 ? announceRequest(id, newHash()) : scrapeRequest(id, newHash(), newHash())
    for (let flips = randomInt(6); flips > 0; flips--) fuzzed[8 + randomInt(fuzzed.length - 8)] = randomInt(256)
    socket.send(
      fuzzed.subarray(0, randomInt(4) === 0 ? randomInt(fuzzed.length) : fuzzed.length),
      tracker.port,
      '127.0.0.1',
    )
  }
  await waitUntil('it answers as before', async () => {
    await new Promise((resolve) => setTimeout(resolve, 100))
    socket.removeAllListeners('message')
    return (await announce(newHash())).action === 1
  })
})

test('a network that asks too often gets fewer answers', () => {
  let count = 0
  const counts = newCounts()
  const udp = new UdpTracker({
    swarms: { announce: async () => null } as never,
    counts,
    ids: new ConnectionIds('the secret of the cluster'),
    connects: new RateLimit({ perSecond: 1, burst: 10 }, () => 0),
    requests: new RateLimit({ perSecond: 1, burst: 10 }, () => 0),
    send: () => count++,
  })
  for (let number = 0; number < 100; number++)
    udp.take(connectRequest(), { address: '198.51.100.1', port: 1_000 + number })
  expect(count).toBe(10)
  udp.take(connectRequest(), { address: '198.51.100.2', port: 1_000 })
  expect(count).toBe(11)
  expect(counts.refused.tooOften).toBe(90)
})
