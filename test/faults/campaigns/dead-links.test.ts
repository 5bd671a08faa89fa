import { randomBytes } from 'node:crypto'
import { expect, inject, test } from 'vitest'
import { copiesIn } from '../../cluster/disk.ts'
import { type Answer, download, request, upload } from '../../cluster/http.ts'
import { TestCluster } from '../../cluster/test-cluster.ts'
import { waitUntil } from '../../cluster/wait-until.ts'
import { ChaosProxy } from '../chaos-proxy.ts'
import { hooked } from '../cluster/hooked.ts'

const start = (fileServers: number, managerEnvironment: Record<string, string> = {}) =>
  TestCluster.start({ mongoUrl: inject('mongoUrl'), fileServers, managerEnvironment })
/** Ping interval and timeout together are shorter. */
const BLOCKED_MS = 38_000

const copiesOf = async (cluster: TestCluster, index: number): Promise<string[]> =>
  (await copiesIn([cluster.fileServers[index]?.directory ?? ''])).filter((path) => !path.endsWith('.part'))
const managerLines = (cluster: TestCluster, message: string) =>
  cluster.managers[0]?.process.lines.filter((line) => line.message === message) ?? []

function slowUpload(url: string, filename: string, bytes: Buffer): Promise<Answer> {
  const body = JSON.stringify({ filename, file: bytes.toString('base64') })
  const headers = { 'content-type': 'application/json' }
  return request(`${url}/file`, { method: 'POST', headers, body, signal: AbortSignal.timeout(90_000) })
}

test.concurrent('row 21: at 50 KB/s and 500 ms of latency an upload completes, without a ping timeout and with heartbeats all the time', async () => {
  await using cluster = await start(0)
  await using proxy = await ChaosProxy.start(cluster.url)
  cluster.addFileServer({ MANAGERS: proxy.url })
  await cluster.settled()
  proxy.bytesPerSecond = 50_000
  proxy.delayMs = 500
  const bytes = randomBytes(1_200_000) // it takes 1.6 MB on the wire, which is longer than ping interval and timeout together
  let isDone = false
  let longestSilenceMs = 0
  const watch = async (): Promise<boolean> => {
    // Without an answer, or with one that lacks the file-server, the difference is NaN, which no bound allows.
    const [node] = await cluster.activeNodes().catch(() => [])
    longestSilenceMs = Math.max(longestSilenceMs, Date.now() - Date.parse(node?.lastPingAt ?? ''))
    return isDone
  }
  const watching = waitUntil('the upload ended, a silence at any moment of it noticed', watch, 100_000)
  const startedAt = performance.now()
  const uploading = slowUpload(cluster.url, 'slow', bytes).finally(() => {
    isDone = true
  })
  const [{ status }] = await Promise.all([uploading, watching])
  expect(status).toBe(201)
  expect(performance.now() - startedAt).toBeGreaterThan(30_000)
  expect(longestSilenceMs).toBeLessThan(10_000)
  expect(managerLines(cluster, 'file-server disconnected')).toEqual([])
  expect(managerLines(cluster, 'file-server connected')).toHaveLength(1)
  proxy.bytesPerSecond = Number.POSITIVE_INFINITY
  proxy.delayMs = 0
  expect((await download(cluster.url, 'slow')).body.equals(bytes)).toBe(true)
}, 120_000)

test.concurrent('row 23: behind a link that went dead without a word: uploads go to the others, those that wait are released', async () => {
  await using cluster = await start(1, { ACTIVE_WITHIN_MS: '5000' })
  await using proxy = await ChaosProxy.start(cluster.url)
  cluster.addFileServer({ MANAGERS: proxy.url })
  await cluster.settled()
  const files = Array.from({ length: 8 }, (_, index) => ({ name: `file-${index}`, bytes: randomBytes(1_000) }))
  proxy.hold('toTarget', 'toClient')
  const startedAt = performance.now()
  const waiting = files.map(({ name, bytes }) => slowUpload(cluster.url, name, bytes))

  await waitUntil('the silent one is in no list', async () => (await cluster.activeNodes()).length === 1)
  for (let index = 0; index < 5; index++) {
    const askedAt = performance.now()
    expect((await upload(cluster.url, `other-${index}`, randomBytes(1_000))).status).toBe(201)
    expect(performance.now() - askedAt).toBeLessThan(3_000)
  }
  expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(files.map(() => 201))
  // Ping interval and timeout are 30 s together, and a busy machine gets some more.
  expect(performance.now() - startedAt).toBeLessThan(40_000)
  expect((await copiesOf(cluster, 0)).length).toBe(files.length + 5)

  proxy.cut()
  await cluster.settled()
  for (const { name, bytes } of files) expect((await download(cluster.url, name)).body.equals(bytes)).toBe(true)
}, 120_000)

test.concurrent('row 20: a file-server whose event loop stands still for longer than a ping waits is passed over, its commands released, and comes back with all its files', async () => {
  await using cluster = await start(1, { ACTIVE_WITHIN_MS: '5000' })
  cluster.addFileServer(hooked(`block:${BLOCKED_MS}`))
  await cluster.settled()
  const files = Array.from({ length: 20 }, (_, index) => ({ name: `file-${index}`, bytes: randomBytes(1_000) }))
  for (const { name, bytes } of files) expect((await upload(cluster.url, name, bytes)).status).toBe(201)
  const before = await copiesOf(cluster, 1)
  cluster.fileServers[1]?.process.signal('SIGUSR2')
  const waiting = Array.from({ length: 8 }, (_, index) => slowUpload(cluster.url, `waits-${index}`, randomBytes(1_000)))
  await waitUntil('it is in no list', async () => (await cluster.activeNodes()).length === 1)
  const askedAt = performance.now()
  expect((await upload(cluster.url, 'meanwhile', randomBytes(1_000))).status).toBe(201)
  expect(performance.now() - askedAt).toBeLessThan(3_000)
  expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(waiting.map(() => 201))
  await waitUntil('its link was given up', () => managerLines(cluster, 'file-server disconnected').length === 1, 45_000)
  await waitUntil('it is back', async () => (await cluster.activeNodes()).length === 2, 30_000)
  await cluster.settled()
  expect(await copiesOf(cluster, 1)).toEqual(expect.arrayContaining(before))
  for (const { name, bytes } of files) expect((await download(cluster.url, name)).body.equals(bytes)).toBe(true)
}, 150_000)
