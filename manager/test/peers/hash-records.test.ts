import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { useDatabase } from '../mongo/mongo-fixture.ts'
import { exchange, startTracker } from './tracker-fixture.ts'

const used = useDatabase()

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
  const tracker = await startTracker(used.database)
  const hash = await tracker.peers.hashes.make('10.0.0.1', 1)
  for (let port = 2; port <= 210; port++) await tracker.peers.hashes.join(hash, '10.0.0.1', port)
  const peers = await tracker.peers.hashes.join(hash, '10.0.0.1', 1)
  expect(peers).toHaveLength(200)
  expect(peers.map(({ port }) => port)).toEqual(Array.from({ length: 200 }, (_, index) => index + 11))
})

test('peers at once become peers one and all', async () => {
  const tracker = await startTracker(used.database)
  const hash = await tracker.peers.hashes.make('10.0.0.1', 1)
  await Promise.all(Array.from({ length: 30 }, (_, port) => tracker.peers.hashes.join(hash, '10.0.0.2', port + 1)))
  expect(await tracker.peers.hashes.join(hash, '10.0.0.1', 1)).toHaveLength(31)
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
