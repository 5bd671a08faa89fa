import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { ActiveNode } from '@holdfast/client/answers'
import { expect, test } from 'vitest'
import { download, remove, request, upload } from './cluster/http.ts'
import type { LogLine } from './cluster/test-process.ts'
import { useTestCluster } from './cluster/use-test-cluster.ts'
import { waitUntil } from './cluster/wait-until.ts'
import { countOf, testInFull } from './full-run.ts'

const WORKERS = 3
/** Clients come in gusts, because a load without pauses would take what the workers need to start. */
const GUST_MS = countOf(0, 100)

const shared = useTestCluster({ managerEnvironment: { MANAGER_WORKERS: String(WORKERS) } })

interface RunningWorker {
  readonly ownUrl: string
  readonly pid: number
}

/** @returns the workers by their own addresses, the latest at each */
function workersOf(): RunningWorker[] {
  const lines = shared().managers[0]?.process.lines ?? []
  const isStart = ({ message, ownUrl }: LogLine) => message === 'manager started' && ownUrl !== undefined
  const latest = new Map(lines.filter(isStart).map(({ ownUrl, pid }) => [String(ownUrl), Number(pid)]))
  return [...latest].map(([ownUrl, pid]) => ({ ownUrl, pid })).filter(({ pid }) => isAlive(pid))
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** @returns for each file-server what does not depend on the moment at which a manager heard of it */
async function nodesOf(url: string): Promise<object[]> {
  const { body } = await request(`${url}/active-nodes`)
  const nodes = JSON.parse(body.toString()) as ActiveNode[]
  return nodes.map(({ id, name, files, bytes, state }) => ({ id, name, files, bytes, state }))
}

async function allServe(): Promise<RunningWorker[]> {
  await waitUntil(`${WORKERS} workers serve all file-servers`, async () => {
    const workers = workersOf()
    if (workers.length < WORKERS) return workers
    const counts = await Promise.all(workers.map(async ({ ownUrl }) => (await nodesOf(ownUrl)).length))
    return counts.every((count) => count === shared().fileServers.length) || counts
  })
  return workersOf()
}

/** @returns what does not read back as it was acknowledged. */
async function findWrong(url: string, files: ReadonlyMap<string, Buffer>): Promise<object[]> {
  const left = [...files]
  const wrong: object[] = []
  const client = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const [name, bytes] = next
      const { status, code, body } = await download(url, name)
      if (!body.equals(bytes)) wrong.push({ name, status, code })
    }
  }
  await Promise.all(Array.from({ length: 8 }, client))
  return wrong
}

/** Asks on a connection of its own. */
async function isAnswered(url: string): Promise<boolean> {
  const asked = get(url, { agent: false, signal: AbortSignal.timeout(8_000) })
  try {
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    response.resume()
    return response.statusCode === 200
  } catch {
    return false
  }
}

test('every worker gives the same answers, a moment after the last change', async () => {
  const cluster = shared()
  const workers = await allServe()
  expect(new Set(workers.map(({ ownUrl }) => ownUrl)).size).toBe(WORKERS)
  const files = Array.from({ length: 60 }, (_, index) => ({ name: `same-${index}`, bytes: randomBytes(500 + index) }))
  const doors = [cluster.url, ...workers.map(({ ownUrl }) => ownUrl)]
  await Promise.all(
    files.map(async ({ name, bytes }, index) => {
      expect((await upload(doors[index % doors.length] ?? '', name, bytes)).status).toBe(201)
    }),
  )
  await Promise.all(
    files.slice(0, 10).map(async ({ name }, index) => {
      expect((await remove(doors[(index + 1) % doors.length] ?? '', name)).status).toBe(200)
    }),
  )
  const agreeOn = async (count: number): Promise<true | unknown> => {
    const answers = await Promise.all(doors.map(nodesOf))
    const sum = (answers[0] ?? []).reduce((total, node) => total + (node as ActiveNode).files, 0)
    return (sum === count && new Set(answers.map((answer) => JSON.stringify(answer))).size === 1) || answers
  }
  // Without an upload heartbeats come every three seconds. A busy machine may be late, but not each time.
  for (let tries = 0; ; tries++) {
    try {
      await waitUntil('all workers count the same files', () => agreeOn(50 + tries), 2_000)
      break
    } catch (error) {
      if (tries === 3) throw error
      const door = doors[tries % doors.length] ?? ''
      expect((await upload(door, `again-${tries}`, randomBytes(500))).status).toBe(201)
    }
  }
  for (const door of doors) {
    for (const { name, bytes } of files.slice(10)) expect((await download(door, name)).body).toEqual(bytes)
    expect((await download(door, 'same-0')).code).toBe(2)
    expect((await upload(door, 'same-20', randomBytes(5))).code).toBe(3)
  }
})

test('invariant 1: what was acknowledged is there although workers are killed under load, and each comes back', async () => {
  const cluster = shared()
  const first = await allServe()
  const acknowledged = new Map<string, Buffer>()
  let isOver = false
  let number = 0
  let failedCount = 0
  const client = async (): Promise<void> => {
    while (!isOver) {
      if (GUST_MS > 0) await delay(GUST_MS - (performance.now() % GUST_MS))
      const [name, bytes] = [`killed-${number++}`, randomBytes(4096)]
      const answer = await upload(cluster.url, name, bytes).catch(() => null)
      if (answer?.status === 201) acknowledged.set(name, bytes)
      else failedCount += 1
    }
  }
  const clients = Array.from({ length: 8 }, client)
  for (let kill = 0; kill < WORKERS; kill += 1) {
    const before = acknowledged.size
    const victim = (await allServe()).find(({ ownUrl }) => ownUrl === first[kill]?.ownUrl)
    if (victim === undefined) throw new Error('no worker to kill')
    process.kill(victim.pid, 'SIGKILL')
    await waitUntil('uploads go on', () => acknowledged.size > before + 20 || acknowledged.size)
    await waitUntil('it is started again', () => workersOf().some((worker) => worker.ownUrl === victim.ownUrl))
  }
  isOver = true
  await Promise.all(clients)
  const last = await allServe()
  // The addresses are the same, so that file-servers find them and nobody is dialled in vain; the processes are others.
  expect(last.map(({ ownUrl }) => ownUrl).sort()).toEqual(first.map(({ ownUrl }) => ownUrl).sort())
  expect(last.filter(({ pid }) => first.some((worker) => worker.pid === pid))).toEqual([])
  for (const [index, { ownUrl }] of last.entries()) {
    const share = new Map([...acknowledged].filter((_, position) => position % WORKERS === index))
    expect(await findWrong(ownUrl, share)).toEqual([])
  }
  expect(failedCount).toBeLessThan(number / 2)
}, 120_000)

testInFull('a frozen worker holds up nobody for long', async () => {
  const cluster = shared()
  const [frozen] = await allServe()
  if (frozen === undefined) throw new Error('no worker')
  process.kill(frozen.pid, 'SIGSTOP')
  try {
    // One connection may still be given to it, and everybody else is served.
    const answers = await Promise.all(Array.from({ length: 20 }, () => isAnswered(`${cluster.url}/health`)))
    expect(answers.filter(Boolean).length).toBeGreaterThanOrEqual(19)
  } finally {
    process.kill(frozen.pid, 'SIGCONT')
  }
})

test('several workers whose port is taken say so in one sentence, exit code 1', async () => {
  const cluster = shared()
  const bystander = createServer()
  try {
    await new Promise<void>((resolve) => bystander.listen(0, '127.0.0.1', resolve))
    const { port } = bystander.address() as { port: number }
    const second = cluster.startManagerProcess({ PORT: String(port), MANAGER_WORKERS: '2' })
    expect(await second.exited).toBe(1)
    expect(second.lines.map(({ reason }) => reason)).toEqual([`Port ${port} on 127.0.0.1 is taken by another process.`])
  } finally {
    bystander.close()
  }
})

test('several workers on every address are refused without a name to be dialled by', async () => {
  const cluster = shared()
  const environment = { HOST: '0.0.0.0', ALLOW_ANONYMOUS: 'true', PORT: '0', MANAGER_WORKERS: '2' }
  const refused = cluster.startManagerProcess(environment)
  expect(await refused.exited).toBe(1)
  expect(refused.lines.map(({ reason }) => String(reason))).toEqual([expect.stringMatching(/MANAGER_WORKER_HOST/)])
})

test('SIGTERM ends all workers orderly; they end too when their primary is killed', async () => {
  const cluster = shared()
  const [manager] = cluster.managers
  const workers = await allServe()
  expect(await manager?.process.stop()).toBe(0)
  expect(workers.filter(({ pid }) => isAlive(pid))).toEqual([])
  await cluster.restartManager()
  const others = await allServe()
  await manager?.process.kill()
  await waitUntil('all workers are gone', () => others.every(({ pid }) => !isAlive(pid)))
})
