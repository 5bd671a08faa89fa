import { randomBytes } from 'node:crypto'
import { parseAddress } from '@holdfast/shared/node/address'
import { describe, expect, test, vi } from 'vitest'
import { bdecode } from '../../../../test/cluster/bdecode.ts'
import { waitUntil } from '../../../../test/cluster/wait-until.ts'
import { testInFull } from '../../../../test/full-run.ts'
import { FileRecords } from '../../../src/files/file-records.ts'
import { newName, newRecord, useDatabase } from '../../mongo/mongo-fixture.ts'
import { exchange, startTracker, type Tracker } from '../tracker-fixture.ts'

const used = useDatabase()
const newHash = () => randomBytes(20)
const escaped = (bytes: Buffer) => [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')

async function announce(tracker: Tracker, hash: Buffer, from: string, query = 'left=1') {
  const port = `&port=${6_881}`
  const target = `/announce?info_hash=${escaped(hash)}&peer_id=${escaped(Buffer.from(`-XX0001-${from.padEnd(12, '-')}`))}`
  const { status, bytes } = await exchange(tracker.port, `${target}${query.includes('port=') ? '' : port}&${query}`, {
    from,
  })
  expect(status).toBe(200)
  return bdecode(bytes)
}

async function scrape(tracker: Tracker, ...hashes: Buffer[]) {
  const query = hashes.map((hash) => `info_hash=${escaped(hash)}`).join('&')
  return bdecode((await exchange(tracker.port, `/scrape?${query}`)).bytes)
}

function addressesIn(compact: string): string[] {
  const bytes = Buffer.from(compact, 'latin1')
  return Array.from({ length: bytes.length / 6 }, (_, index) => {
    const peer = bytes.subarray(6 * index, 6 * index + 6)
    return `${peer.subarray(0, 4).join('.')}:${peer.readUInt16BE(4)}`
  }).sort()
}

describe('announce over HTTP', () => {
  test('a seed and three downloaders find each other, and one that stops is told of no longer', async () => {
    const tracker = await startTracker(used.database)
    const hash = newHash()
    const first = await announce(tracker, hash, '127.0.0.2', 'left=0&event=started&compact=1')
    expect(first).toEqual({
      ...{ complete: 1, incomplete: 0, downloaded: 0, interval: 60, 'min interval': 30, peers: '' },
    })
    await announce(tracker, hash, '127.0.0.3', 'left=5&event=started')
    await announce(tracker, hash, '127.0.0.4', 'left=5&event=started')
    const last = await announce(tracker, hash, '127.0.0.5', 'left=5&event=started')
    expect(addressesIn(last.peers)).toEqual(['127.0.0.2:6881', '127.0.0.3:6881', '127.0.0.4:6881'])
    expect(last).toMatchObject({ complete: 1, incomplete: 3 })

    await announce(tracker, hash, '127.0.0.3', 'left=0&event=completed')
    await announce(tracker, hash, '127.0.0.3', 'left=0&event=completed')
    await announce(tracker, hash, '127.0.0.4', 'left=5&event=stopped')
    const seed = await announce(tracker, hash, '127.0.0.2', 'left=0')
    expect(addressesIn(seed.peers)).toEqual(['127.0.0.5:6881'])
    expect(seed).toMatchObject({ complete: 2, incomplete: 1, downloaded: 1 })
    const { files } = await scrape(tracker, hash)
    expect(files).toEqual({ [hash.toString('latin1')]: { complete: 2, downloaded: 1, incomplete: 1 } })
  })

  test('a seed that starts is told of other seeds, for a client with a magnet link alone says that it is one', async () => {
    const tracker = await startTracker(used.database)
    const hash = newHash()
    await announce(tracker, hash, '127.0.0.2', 'left=0&event=started')
    const started = await announce(tracker, hash, '127.0.0.3', 'left=0&event=started')
    expect(addressesIn(started.peers)).toEqual(['127.0.0.2:6881'])
    expect((await announce(tracker, hash, '127.0.0.3', 'left=0')).peers).toBe('')
  })

  test('one that lacks bytes has not completed, however often it says so', async () => {
    const tracker = await startTracker(used.database)
    const hash = newHash()
    for (let time = 0; time < 3; time++)
      expect(await announce(tracker, hash, '127.0.0.2', 'left=5&event=completed')).toMatchObject({ downloaded: 0 })
    expect(await announce(tracker, hash, '127.0.0.2', 'left=0&event=completed')).toMatchObject({ downloaded: 1 })
  })

  test('peers are a list where the client asks for it', async () => {
    const tracker = await startTracker(used.database)
    const hash = newHash()
    await announce(tracker, hash, '127.0.0.2')
    const { peers } = await announce(tracker, hash, '127.0.0.3', 'left=1&compact=0')
    expect(peers).toEqual([{ 'peer id': '-XX0001-127.0.0.2---', ip: '127.0.0.2', port: 6_881 }])
  })

  test('a peer is where its request comes from, whatever it says', async () => {
    const tracker = await startTracker(used.database)
    const hash = newHash()
    await announce(tracker, hash, '127.0.0.2', 'left=1&ip=10.0.0.1&ipv4=10.0.0.1&ipv6=%5B2a00%3A%3A1%5D%3A1')
    const { peers } = await announce(tracker, hash, '127.0.0.3')
    expect(addressesIn(peers)).toEqual(['127.0.0.2:6881'])
  })

  test('peers of both families are told of, IPv6 in a list of its own', async () => {
    const tracker = await startTracker(used.database)
    const hash = newHash()
    const address = parseAddress('2a00:1450::2004')
    if (address === null) throw new Error('no address')
    const six = { infoHash: hash.toString('hex'), endpoint: { address, port: 443 }, family: null, event: null } as const
    await tracker.peers.swarms.announce({ ...six, peerId: Buffer.alloc(20), isSeed: false, wanted: 1 })
    const answer = await announce(tracker, hash, '127.0.0.3')
    expect(answer.peers).toBe('')
    expect(Buffer.from(answer.peers6, 'latin1').toString('hex')).toBe('2a00145000000000000000000000200401bb')
  })

  test.each([
    '/announce',
    '/announce?info_hash=abc&peer_id=12345678901234567890&port=1',
    `/announce?info_hash=${'a'.repeat(20)}&peer_id=1&port=1`,
    `/announce?info_hash=${'a'.repeat(20)}&peer_id=${'b'.repeat(20)}`,
    `/announce?info_hash=${'a'.repeat(20)}&peer_id=${'b'.repeat(20)}&port=0`,
    `/announce?info_hash=${'a'.repeat(20)}&peer_id=${'b'.repeat(20)}&port=65536`,
    `/announce?info_hash=${'a'.repeat(20)}&peer_id=${'b'.repeat(20)}&port=1&left=many`,
    '/announce?info_hash=%zz%',
    `/announce?${'a&'.repeat(200)}`,
    '/scrape',
    '/scrape?info_hash=abc',
  ])('%s is answered by a reason', async (target) => {
    const tracker = await startTracker(used.database)
    const { status, bytes } = await exchange(tracker.port, target)
    expect(status).toBe(200)
    expect(Object.keys(bdecode(bytes))).toEqual(['failure reason'])
  })

  test.each<[string, Record<string, string>]>([
    ['says so', { 'x-forwarded-for': '10.0.0.1' }],
    ['says nothing, on this machine', { host: '93.184.216.34:8000' }],
  ])('so is what a proxy brings that %s', async (_, headers) => {
    const tracker = await startTracker(used.database)
    const target = `/announce?info_hash=${'a'.repeat(20)}&peer_id=${'b'.repeat(20)}&port=1`
    const { bytes } = await exchange(tracker.port, target, { headers })
    expect(bdecode(bytes)['failure reason']).toContain('TRUSTED_PROXIES')
  })

  test('a peer that a trusted proxy brings is where that says', async () => {
    const tracker = await startTracker(used.database, {}, { trustedProxies: ['127.0.0.1'] })
    const target = `/announce?info_hash=${escaped(newHash())}&peer_id=${'b'.repeat(20)}&port=6881`
    const from = (address: string) => ({ headers: { 'x-forwarded-for': `8.8.8.8, ${address}` } })
    await exchange(tracker.port, target, from('93.184.216.34'))
    const { peers } = bdecode((await exchange(tracker.port, target, from('93.184.216.35'))).bytes)
    expect(addressesIn(peers)).toEqual(['93.184.216.34:6881'])
  })
})

describe('swarms are in the database', () => {
  test('a tracker that is started anew has lost nobody', async () => {
    const first = await startTracker(used.database)
    const hash = newHash()
    for (let number = 2; number < 12; number++)
      await announce(first, hash, `127.0.0.${number}`, 'left=0&event=completed')
    await first.close()
    const second = await startTracker(used.database)
    const { peers, complete, downloaded } = await announce(second, hash, '127.0.0.20')
    expect(addressesIn(peers)).toHaveLength(10)
    expect([complete, downloaded]).toEqual([10, 10])
  })

  testInFull('peers of one manager are soon told of by the other, and those that left are not', async () => {
    const trackers = [await startTracker(used.database), await startTracker(used.database)] as const
    const hash = newHash()
    await announce(trackers[0], hash, '127.0.0.2')
    await announce(trackers[1], hash, '127.0.0.3')
    const sees = (tracker: Tracker, from: string, others: string[]) =>
      waitUntil(`${from} is told of ${others}`, async () => {
        const seen = addressesIn((await announce(tracker, hash, from)).peers)
        return seen.join() === others.join() || seen
      })
    await sees(trackers[0], '127.0.0.2', ['127.0.0.3:6881'])
    await sees(trackers[1], '127.0.0.3', ['127.0.0.2:6881'])
    await announce(trackers[1], hash, '127.0.0.4')
    await sees(trackers[0], '127.0.0.2', ['127.0.0.3:6881', '127.0.0.4:6881'])
    await announce(trackers[1], hash, '127.0.0.3', 'left=1&event=stopped')
    await sees(trackers[0], '127.0.0.2', ['127.0.0.4:6881'])
  })

  test('of 64 peers one address has no more', async () => {
    const tracker = await startTracker(used.database)
    const hash = newHash()
    for (let port = 1; port <= 64; port++) await announce(tracker, hash, '127.0.0.2', `left=1&port=${port}`)
    const refused = await announce(tracker, hash, '127.0.0.2', 'left=1&port=65')
    expect(Object.keys(refused)).toEqual(['failure reason'])
    expect(await announce(tracker, hash, '127.0.0.2', 'left=0&port=64')).toMatchObject({ complete: 1, incomplete: 63 })
  })

  test('a peer that falls silent is gone, here and in the database', async () => {
    const tracker = await startTracker(used.database, { announceEveryMs: 1_000 })
    const hash = newHash()
    const { swarms } = tracker.peers
    await announce(tracker, hash, '127.0.0.2')
    await waitUntil('it is written', () => swarms.unwrittenCount === 0)
    const collection = used.database.connection.collection<{ hash: string; expiresAt: Date }>('swarm_peers')
    const stored = await collection.findOne({ hash: hash.toString('hex') })
    const lifeMs = (stored?.expiresAt.getTime() ?? 0) - Date.now()
    expect(lifeMs).toBeGreaterThan(50_000)
    expect(lifeMs).toBeLessThanOrEqual(62_000)
    await collection.updateMany({ hash: hash.toString('hex') }, { $set: { expiresAt: new Date() } })
    const other = await startTracker(used.database)
    expect(await announce(other, hash, '127.0.0.3')).toMatchObject({ incomplete: 1, peers: '' })
  })
})

describe('a tracker that is not open', () => {
  test('tracks what was registered, and nothing else', async () => {
    const tracker = await startTracker(used.database, { isTrackerOpen: false })
    const [hash, other] = [newHash(), newHash()]
    for (const refused of [hash, other])
      expect(await announce(tracker, refused, '127.0.0.2')).toEqual({
        'failure reason': 'this info-hash is not tracked here',
      })
    const json = { listening_port: 6_881, info_hash: hash.toString('hex').toUpperCase() }
    expect((await exchange(tracker.port, '/hash', { json, from: '127.0.0.2' })).status).toBe(200)
    expect(await announce(tracker, hash, '127.0.0.2')).toMatchObject({ incomplete: 1 })
    expect(Object.keys(await announce(tracker, other, '127.0.0.2'))).toEqual(['failure reason'])
    expect((await scrape(tracker, hash, other)).files).toEqual({
      [hash.toString('latin1')]: { complete: 0, downloaded: 0, incomplete: 1 },
    })
    await tracker.close()
    const restarted = await startTracker(used.database, { isTrackerOpen: false })
    expect(await announce(restarted, hash, '127.0.0.3')).toMatchObject({ incomplete: 2 })
  })

  test('tracks what torrents of stored files have, though nothing else is known of it any more', async () => {
    const [hash, other] = [newHash(), newHash()]
    const record = newRecord(newName())
    const files = new FileRecords(used.model)
    await files.insert(record)
    const tracker = await startTracker(used.database, { isTrackerOpen: false }, { files })
    expect(Object.keys(await announce(tracker, other, '127.0.0.2'))).toEqual(['failure reason'])
    await files.noteTorrent(record._id, '$name', [hash.toString('hex'), other.toString('hex')])
    expect(await announce(tracker, hash, '127.0.0.2')).toMatchObject({ incomplete: 1 })
    tracker.peers.swarms.noteTracked(other.toString('hex'))
    expect(await announce(tracker, other, '127.0.0.2')).toMatchObject({ incomplete: 1 })
    expect(await files.findLiveById(record._id)).toMatchObject({ torrentName: '$name' })
    await files.markDeletedById(record._id)
    const restarted = await startTracker(used.database, { isTrackerOpen: false }, { files })
    expect(Object.keys(await announce(restarted, hash, '127.0.0.3'))).toEqual(['failure reason'])
  })

  test('keeps nothing of what it refuses', async () => {
    const tracker = await startTracker(used.database, { isTrackerOpen: false })
    const { swarms } = tracker.peers
    const wish = { isSeed: true, event: null, wanted: 0, family: null, peerId: Buffer.alloc(20) }
    const address = parseAddress('93.184.216.34')
    if (address === null) throw new Error('no address')
    const asked = Array.from({ length: 3_000 }, () =>
      swarms.announce({ ...wish, infoHash: newHash().toString('hex'), endpoint: { address, port: 1 } }),
    )
    expect((await Promise.all(asked)).every((answer) => answer === null)).toBe(true)
    expect(swarms.held()).toEqual({ swarms: 0, peers: 0, seeds: 0 })
    expect(swarms.unwrittenCount).toBe(0)
  })
})

testInFull('an info-hash that was asked for while too many were read is known as soon as they are', async () => {
  const { swarms } = (await startTracker(used.database)).peers
  const address = parseAddress('93.184.216.34')
  if (address === null) throw new Error('no address')
  const wish = { isSeed: true, event: null, wanted: 0, family: null, peerId: Buffer.alloc(20) }
  const ask = (hash: Buffer) =>
    swarms.announce({ ...wish, infoHash: hash.toString('hex'), endpoint: { address, port: 1 } })
  const flood = Promise.allSettled(Array.from({ length: 20_000 }, () => ask(newHash())))
  const hash = newHash()
  await expect(ask(hash)).rejects.toMatchObject({ name: 'OVERLOADED' })
  await flood
  expect(await ask(hash)).toMatchObject({ seeds: 1 })
})

testInFull('what is in memory is bounded under random info-hashes', { timeout: 120_000 }, async () => {
  const tracker = await startTracker(used.database)
  const { swarms } = tracker.peers
  const wish = { isSeed: true, event: null, wanted: 0, family: null, peerId: Buffer.alloc(20) }
  const address = parseAddress('93.184.216.34')
  if (address === null) throw new Error('no address')
  let most = 0
  for (let round = 0; round < 16; round++) {
    const asked = Array.from({ length: 2_000 }, () =>
      swarms.announce({ ...wish, infoHash: newHash().toString('hex'), endpoint: { address, port: 1 } }),
    )
    await Promise.allSettled(asked)
    most = Math.max(most, swarms.held().swarms)
  }
  expect(most).toBeLessThanOrEqual(25_000)
  // A tenth goes at once.
  expect(most).toBeGreaterThan(22_500)
  expect(swarms.held().peers).toBe(swarms.held().swarms)
  expect(swarms.unwrittenCount).toBeLessThanOrEqual(50_000)
})

test('peers that have expired are counted no longer, also where the announce that shows it is refused', async () => {
  const { swarms } = (await startTracker(used.database)).peers
  const infoHash = newHash().toString('hex')
  const wish = { infoHash, isSeed: true, event: null, wanted: 0, family: null, peerId: Buffer.alloc(20) }
  const announceFrom = (ip: string, port: number) => {
    const address = parseAddress(ip)
    if (address === null) throw new Error('no address')
    return swarms.announce({ ...wish, endpoint: { address, port } })
  }
  await announceFrom('93.184.216.33', 1)
  vi.useFakeTimers({ now: Date.now() + 60_000, toFake: ['Date'] })
  try {
    for (let port = 1; port <= 64; port++) await announceFrom('93.184.216.34', port)
    const { peers } = swarms.held()
    vi.setSystemTime(Date.now() + 150_000)
    await expect(announceFrom('93.184.216.34', 65)).rejects.toMatchObject({ name: 'TOO_MANY_REQUESTS' })
    expect(swarms.held().peers).toBe(peers - 1)
  } finally {
    vi.useRealTimers()
  }
})
