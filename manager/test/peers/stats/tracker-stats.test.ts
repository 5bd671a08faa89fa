import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { waitUntil } from '../../../../test/cluster/wait-until.ts'
import { testInFull } from '../../../../test/full-run.ts'
import type { ManagerStats, TrackerStatus } from '../../../src/peers/stats/tracker-stats.ts'
import { useDatabase } from '../../mongo/mongo-fixture.ts'
import { exchange, listenUdp, startTracker, type Tracker } from '../tracker-fixture.ts'

const used = useDatabase()
const hash = () => [...randomBytes(20)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')

function announce(tracker: Tracker, infoHash: string, query = 'left=1', from = '127.0.0.2', port = 6_881) {
  const target = `/announce?info_hash=${infoHash}&peer_id=${'x'.repeat(20)}&port=${port}&${query}`
  return exchange(tracker.port, target, { from })
}

/** Figures of the database are read again after some seconds. */
async function statsOf(tracker: Tracker, isAwaited: (status: TrackerStatus) => boolean): Promise<TrackerStatus> {
  let status: TrackerStatus | undefined
  await waitUntil('the figures are there', async () => {
    const answer = await exchange(tracker.port, '/tracker/stats')
    expect(answer.status).toBe(200)
    status = answer.body as TrackerStatus
    return isAwaited(status) || status
  })
  if (status === undefined) throw new Error('no figures')
  return status
}

const ownOf = ({ managers: [own] }: TrackerStatus): ManagerStats => {
  if (own === undefined) throw new Error('no manager')
  return own
}

test('announces, scrapes and refusals are counted, and what is in memory', async () => {
  const tracker = await startTracker(used.database)
  const before = ownOf(await statsOf(tracker, () => true))
  expect(before).toMatchObject({ swarms: 0, peers: 0, seeds: 0, completed: 0, announces: { udp: 0, http: 0 } })
  const [one, other] = [hash(), hash()]
  await announce(tracker, one, 'left=1')
  await announce(tracker, one, 'left=0&event=completed')
  await announce(tracker, one, 'left=0', '127.0.0.3')
  await announce(tracker, other)
  await exchange(tracker.port, `/scrape?info_hash=${one}&info_hash=${other}`)
  for (const wrong of ['/announce', '/scrape', `/announce?info_hash=${one}&peer_id=x&port=1`])
    await exchange(tracker.port, wrong)
  const { socket } = await listenUdp('127.0.0.2', () => undefined)
  socket.send(Buffer.alloc(98, 1), tracker.port, '127.0.0.1')
  const status = await statsOf(tracker, ({ managers: [own] }) => own?.refused.unverified === 1)
  expect(ownOf(status)).toMatchObject({
    ...{ swarms: 2, peers: 3, seeds: 2, completed: 1 },
    ...{ announces: { udp: 0, http: 4 }, scrapes: { udp: 0, http: 1 } },
    refused: { malformed: 3, unverified: 1, notTracked: 0, noRoom: 0, tooOften: 0, unavailable: 0 },
  })
  expect((await statsOf(tracker, ({ peers }) => peers >= 3)).peers).toBe(3)
})

test('a closed tracker counts what it does not track, and a full swarm whom it has no room for', async () => {
  const tracker = await startTracker(used.database, { isTrackerOpen: false })
  await announce(tracker, hash())
  const open = await startTracker(used.database)
  const crowded = hash()
  for (let port = 1; port <= 66; port++) await announce(open, crowded, 'left=1', '127.0.0.2', port)
  expect(tracker.peers.counts.refused).toMatchObject({ notTracked: 1, noRoom: 0 })
  expect(open.peers.counts.refused).toMatchObject({ notTracked: 0, noRoom: 2 })
  expect(open.peers.counts.announces.http).toBe(64)
})

testInFull('heartbeats are counted by what came of them, and users by whether they are online', async () => {
  const tracker = await startTracker(used.database, { heartbeatEveryMs: 100 })
  const user = async (ip: string, isSilent: boolean) => {
    const { port } = await listenUdp(ip, (datagram, socket, source) => {
      if (!isSilent) socket.send(datagram.subarray(4), source.port, source.address)
    })
    await exchange(tracker.port, '/user/checkin', { from: ip, json: { port } })
    await exchange(tracker.port, '/user/upload-metadata', {
      from: ip,
      json: { port, song: 'One', fileSize: 5, checksum: 'abcd' },
    })
  }
  await user('127.0.0.8', false)
  await user('127.0.0.9', true)
  const status = await statsOf(tracker, ({ users, managers: [own] }) => {
    return users.inactive === 1 && users.active === 1 && (own?.heartbeats.lost ?? 0) >= 3
  })
  expect(status.tracks).toBe(2)
  const { sent, answered, lost } = ownOf(status).heartbeats
  expect(answered).toBeGreaterThanOrEqual(1)
  expect(sent).toBeGreaterThanOrEqual(answered + lost)
})

testInFull('any manager tells of all, those that ended excepted', async () => {
  const [one, other] = [await startTracker(used.database), await startTracker(used.database)]
  await announce(one, hash())
  const managersOf = async (tracker: Tracker) => (await tracker.peers.stats.read()).managers
  await waitUntil('the other one tells of it', async () => {
    const managers = await managersOf(other)
    return managers.some(({ announces, peers }) => announces.http === 1 && peers === 1) || managers
  })
  await one.close()
  await waitUntil('it is told of no longer', async () =>
    (await managersOf(other)).every(({ announces }) => announces.http === 0),
  )
})

test('Prometheus reads the same', async () => {
  const tracker = await startTracker(used.database)
  await announce(tracker, hash())
  const { status, bytes } = await exchange(tracker.port, '/metrics')
  expect(status).toBe(200)
  const lines = bytes.toString().trimEnd().split('\n')
  expect(lines).toContain('# TYPE holdfast_tracker_announces_total counter')
  expect(bytes.toString()).toMatch(/^holdfast_tracker_announces_total\{manager="[0-9a-f]{16}",protocol="http"\} 1$/m)
  expect(bytes.toString()).toMatch(/^holdfast_tracker_users\{state="active"\} \d+$/m)
  for (const line of lines)
    expect(line).toMatch(
      /^(# (HELP|TYPE) holdfast_tracker_[a-z_]+ .+|holdfast_tracker_[a-z_]+(\{[a-z]+="\w+"(,[a-z]+="\w+")*\})? \d+)$/,
    )
})

test('both are for the operator', async () => {
  const tracker = await startTracker(used.database, {}, { isOperator: false })
  for (const path of ['/tracker/stats', '/metrics']) expect((await exchange(tracker.port, path)).status).toBe(401)
})
