import { randomBytes } from 'node:crypto'
import mongoose from 'mongoose'
import { expect, inject, test } from 'vitest'
import { copiesIn } from './cluster/disk.ts'
import { download, upload } from './cluster/http.ts'
import { TestCluster } from './cluster/test-cluster.ts'
import { waitUntil } from './cluster/wait-until.ts'
import { ChaosProxy } from './faults/chaos-proxy.ts'
import { testInFull } from './full-run.ts'

const start = (fileServers: number, managerEnvironment: Record<string, string> = {}) =>
  TestCluster.start({ mongoUrl: inject('mongoUrl'), fileServers, managerEnvironment })
const collecting = { ORPHAN_GRACE_MS: '3000', RECONCILE_EVERY_MS: '200', UPKEEP_EVERY_MS: '200' }

const copiesOf = async (cluster: TestCluster, index: number): Promise<string[]> =>
  (await copiesIn([cluster.fileServers[index]?.directory ?? ''])).filter((path) => !path.endsWith('.part'))
const managerLines = (cluster: TestCluster, message: string) =>
  cluster.managers[0]?.process.lines.filter((line) => line.message === message) ?? []

test('invariant 10: a file-server without the cluster’s secret gets no command and is in no list', async () => {
  await using cluster = await start(1)
  cluster.addFileServer({ CLUSTER_SECRET: 'not the secret of this cluster' })
  const stranger = cluster.fileServers[1]?.process
  const line = await stranger?.line(({ message }) => message === 'manager refused')
  expect(line).toMatchObject({ level: 'error', detail: 'the manager does not know this cluster secret' })
  for (let index = 0; index < 10; index++)
    expect((await upload(cluster.url, `file-${index}`, randomBytes(100))).status).toBe(201)
  expect(await cluster.activeNodes()).toHaveLength(1)
  expect([(await copiesOf(cluster, 0)).length, (await copiesOf(cluster, 1)).length]).toEqual([10, 0])
  expect(stranger?.isRunning).toBe(true)
})

testInFull('invariant 5: an upload whose ack was lost with its link leaves one copy after upkeep', async () => {
  await using cluster = await start(1, collecting)
  for (let index = 0; index < 3; index++) await upload(cluster.url, `before-${index}`, randomBytes(500))
  await using proxy = await ChaosProxy.start(cluster.url)
  cluster.addFileServer({ MANAGERS: proxy.url })
  await cluster.settled()
  const bytes = randomBytes(20_000)
  proxy.hold('toTarget')
  const uploading = upload(cluster.url, 'acked into the void', bytes)
  await waitUntil('the copy is stored', async () => (await copiesOf(cluster, 1)).length === 1)
  proxy.cut()
  expect((await uploading).status).toBe(201)
  expect(await copiesOf(cluster, 0)).toHaveLength(4)
  await waitUntil('the copy that nobody was told of is gone', async () => (await copiesOf(cluster, 1)).length === 0)
  await cluster.settled()
  expect((await download(cluster.url, 'acked into the void')).body.equals(bytes)).toBe(true)
  expect(await copiesOf(cluster, 0)).toHaveLength(4)
})

test('invariant 7: when the records are lost nothing is collected and an error line says so, and they can come back', async () => {
  await using cluster = await start(1, collecting)
  const files = Array.from({ length: 60 }, (_, index) => ({ name: `file-${index}`, bytes: randomBytes(300) }))
  for (const { name, bytes } of files) await upload(cluster.url, name, bytes)
  const connection = await mongoose.createConnection(cluster.mongoUrl).asPromise()
  try {
    const records = connection.collection('files')
    const lost = await records.find().toArray()
    await records.deleteMany({})
    const halted = () =>
      managerLines(cluster, 'reconcile stopped: an unlikely share of the copies has no record').filter(
        (line) => line.level === 'error',
      )
    await waitUntil('passes have stopped', () => halted().length >= 3)
    expect(await copiesOf(cluster, 0)).toHaveLength(60)
    await records.insertMany(lost)
    for (const { name, bytes } of files) expect((await download(cluster.url, name)).body.equals(bytes)).toBe(true)
  } finally {
    await connection.close()
  }
})

test('invariant 7: on another database the manager and the file-server part in plain words, and nothing is collected', async () => {
  await using cluster = await start(1, collecting)
  const bytes = randomBytes(5_000)
  await upload(cluster.url, 'kept', bytes)
  const environment = cluster.managers[0]?.environment ?? {}
  const other = new URL(cluster.mongoUrl)
  other.pathname += '-other'
  environment.MONGO_URL = other.href
  await cluster.restartManager()
  const said = await cluster.fileServers[0]?.process.line((line) => String(line.reason).includes('belongs to cluster'))
  expect(said).toMatchObject({ level: 'warn', message: 'manager not reached' })
  await waitUntil('the manager has said it too', () => managerLines(cluster, 'file-server refused').length > 0)
  expect(managerLines(cluster, 'file-server refused')[0]).toMatchObject({ error: 'WRONG_CLUSTER' })
  expect(await cluster.activeNodes()).toEqual([])
  expect(await copiesOf(cluster, 0)).toHaveLength(1)

  environment.MONGO_URL = cluster.mongoUrl
  await cluster.restartManager()
  await cluster.settled()
  expect((await download(cluster.url, 'kept')).body.equals(bytes)).toBe(true)
})
