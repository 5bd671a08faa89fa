import { randomUUID } from 'node:crypto'
import { parseAddress } from '@holdfast/shared/node/address'
import { expect, test } from 'vitest'
import { useDatabase } from '../mongo/mongo-fixture.ts'
import { exchange, startTracker } from './tracker-fixture.ts'

const used = useDatabase()
function addressOf(ip: string) {
  const address = parseAddress(ip)
  if (address === null) throw new Error(`no address: ${ip}`)
  return address
}

test('the flow of the document: one registers a hash, others ask for its peers and become some', async () => {
  const tracker = await startTracker(used.database)
  const seed = { listening_port: 300, listening_host: '0.0.0.0' }
  const registered = await exchange(tracker.port, '/hash', { json: seed, from: '127.0.0.2' })
  expect(registered).toMatchObject({ status: 200, body: { hash: expect.stringMatching(/^[0-9a-f-]{36}$/) } })
  const { hash } = registered.body
  const seen = []
  for (const from of ['127.0.0.3', '127.0.0.4', '127.0.0.3'])
    seen.push((await exchange(tracker.port, '/peers', { json: { hash, ...seed }, from })).body)
  const peer = (ip: string) => ({ listening_host: ip, listening_port: 300 })
  expect(seen).toEqual([
    { peers: [peer('127.0.0.2')] },
    { peers: [peer('127.0.0.2'), peer('127.0.0.3')] },
    { peers: [peer('127.0.0.2'), peer('127.0.0.3'), peer('127.0.0.4')] },
  ])

  await tracker.close()
  const restarted = await startTracker(used.database)
  const { body } = await exchange(restarted.port, '/peers', { json: { hash, ...seed }, from: '127.0.0.2' })
  expect(body.peers).toHaveLength(3)
})

test('the very lines of the document work, as curl sends them', async () => {
  const tracker = await startTracker(used.database)
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const json = { listening_port: 300, listening_host: '0.0.0.0' }
  const { hash } = (await exchange(tracker.port, '/hash', { json, headers })).body
  const { body } = await exchange(tracker.port, '/peers', { json: { hash, ...json }, headers })
  expect(body).toEqual({ peers: [{ listening_host: '127.0.0.1', listening_port: 300 }] })
})

test('a hash keeps the last 200 peers', async () => {
  const { hashes } = (await startTracker(used.database)).peers
  const hash = await hashes.make(addressOf('10.0.0.1'), 1)
  for (let number = 2; number <= 210; number++) await hashes.join(hash, addressOf(`10.0.0.${number}`), 1)
  const peers = await hashes.join(hash, addressOf('10.0.0.1'), 1)
  expect(peers.map(({ ip }) => ip)).toEqual(Array.from({ length: 200 }, (_, index) => `10.0.0.${index + 11}`))
})

test.each([
  ['address', '93.184.216.34', (_: number) => '93.184.216.34'],
  ['/64', '2a00:1450:1:2::1', (number: number) => `2a00:1450:1:2::${number.toString(16)}`],
])('one %s keeps its last 8 peers of a hash, and pushes out nobody else', async (_, first, ipOf) => {
  const { hashes } = (await startTracker(used.database)).peers
  const hash = await hashes.make(addressOf('10.0.0.1'), 1)
  await hashes.join(hash, addressOf(first), 1)
  await hashes.join(hash, addressOf('2a00:1450:1:3::1'), 1)
  for (let port = 1; port <= 20; port++) await hashes.join(hash, addressOf(ipOf(port)), port)
  const peers = await hashes.join(hash, addressOf('10.0.0.1'), 1)
  const last = Array.from({ length: 8 }, (_, index) => ({ ip: addressOf(ipOf(13 + index)).ip, port: 13 + index }))
  expect(peers.map(({ ip, port }) => ({ ip, port }))).toEqual([
    { ip: '10.0.0.1', port: 1 },
    { ip: '2a00:1450:1:3::1', port: 1 },
    ...last,
  ])
})

test('peers at once become peers one and all', async () => {
  const { hashes } = (await startTracker(used.database)).peers
  const hash = await hashes.make(addressOf('10.0.0.1'), 1)
  await Promise.all(Array.from({ length: 30 }, (_, index) => hashes.join(hash, addressOf(`10.0.1.${index}`), 1)))
  expect(await hashes.join(hash, addressOf('10.0.0.1'), 1)).toHaveLength(31)
})

test('a network has at most 5,000 hashes, whichever of its addresses asks', async () => {
  const { hashes } = (await startTracker(used.database)).peers
  const { network } = addressOf('2a00:1450:1:4::1')
  const some = Array.from({ length: 5_000 }, () => ({ _id: randomUUID(), network, peers: [], usedAt: new Date() }))
  await used.database.connection.collection<{ _id: string }>('peer_hashes').insertMany(some)
  await expect(hashes.make(addressOf('2a00:1450:1:4::2'), 1)).rejects.toMatchObject({ name: 'TOO_MANY_REQUESTS' })
  expect(await hashes.make(addressOf('2a00:1450:1:5::2'), 1)).toMatch(/^[0-9a-f-]{36}$/)
})

test.each([
  ['/peers', { hash: randomUUID(), listening_port: 300 }, 404, 2],
  ['/peers', { hash: 'x', listening_port: 300 }, 400, 5],
  ['/peers', { hash: { $ne: '' }, listening_port: 300 }, 400, 5],
  ['/hash', {}, 400, 5],
  ['/hash', { listening_port: 0 }, 400, 5],
  ['/hash', { listening_port: 65_536 }, 400, 5],
  ['/hash', { listening_port: 300, listening_host: 'files.example' }, 400, 5],
  ['/hash', { listening_port: 300, listening_host: '169.254.169.254' }, 400, 5],
  ['/hash', { listening_port: 300, listening_host: '93.184.216.34' }, 403, 10],
  ['/hash', { listening_port: 300, info_hash: 'xyz' }, 400, 5],
])('POST %s refuses %j by %i', async (path, json, status, code) => {
  const tracker = await startTracker(used.database, {}, { isOperator: false })
  expect(await exchange(tracker.port, path, { json })).toMatchObject({ status, body: { code } })
})
