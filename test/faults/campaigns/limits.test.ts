import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { promisify } from 'node:util'
import { expect, inject, test } from 'vitest'
import { openFiles } from '../../cluster/process-measures.ts'
import { waitUntil } from '../../cluster/wait-until.ts'
import { runCampaign } from '../campaign.ts'
import { checkCluster } from '../check/check-cluster.ts'
import { FaultCluster } from '../cluster/fault-cluster.ts'
import { RecordedClient } from '../load/recorded-client.ts'
import { runSeed } from '../seed.ts'

const run = promisify(execFile)
const FEW_FILES = 256

test('row 41, invariant 9: a manager with 256 file descriptors, all of them taken by clients that do nothing, lives, and serves when they are gone', async () => {
  await using faults = await FaultCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 1, managers: 1 })
  const { cluster, view } = faults
  using client = new RecordedClient(cluster.url)
  expect(await client.upload('before', randomBytes(300_000))).toBe(201)
  const { pid } = cluster.managers[0]?.process ?? { pid: 0 }
  await run('prlimit', ['--pid', `${pid}`, `--nofile=${FEW_FILES}:`])
  const { hostname, port } = new URL(cluster.url)
  const idle = Array.from({ length: 2 * FEW_FILES }, () => {
    const socket = connect(Number(port), hostname)
    // Connections that find no place are turned away.
    socket.on('error', () => socket.destroy())
    socket.write('GET /health HTTP/1.1\r\n')
    return socket
  })
  await waitUntil('every descriptor is taken', async () => (await openFiles(pid)) >= FEW_FILES - 2)
  const during = await Promise.all([1, 2, 3].map((index) => client.upload(`during/${index}`, randomBytes(300_000))))
  // An older connection is answered, and a new one may get no answer at all.
  for (const status of during) expect([0, 201, 503]).toContain(status)
  for (const socket of idle) socket.destroy()
  await waitUntil(
    'uploads succeed',
    async () => (await client.upload(`after/${Math.random()}`, randomBytes(300_000))) === 201,
  )
  expect(await client.download('before')).toBe(200)
  expect(cluster.managers[0]?.process.isRunning).toBe(true)
  expect(await checkCluster(view, client.history.operations)).toEqual([])
}, 120_000)

test('row 42, invariants 1 and 9: a manager and file-servers with a heap of 128 MiB each serve any load without an end', async () => {
  const small = { NODE_OPTIONS: '--max-old-space-size=128' }
  await using cluster = await FaultCluster.start({
    mongoUrl: inject('mongoUrl'),
    managers: 1,
    fileServers: 2,
    managerEnvironment: small,
    fileServerEnvironment: small,
  })
  const { managers, fileServers } = cluster.cluster
  const { violations } = await runCampaign({
    kind: 'small heaps',
    faultCount: 1,
    seed: runSeed.fork('small-heaps'),
    cluster,
    load: { clients: 64 },
    strike: async (_cluster, _random, load) => load.isServed(5_000, 120_000),
  })
  expect(violations).toEqual([])
  for (const { process } of [...managers, ...fileServers]) expect(process.isRunning).toBe(true)
}, 180_000)
