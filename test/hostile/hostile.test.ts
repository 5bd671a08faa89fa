import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { copiesIn } from '../cluster/disk.ts'
import { download, remove, upload } from '../cluster/http.ts'
import { peakBytes } from '../cluster/process-measures.ts'
import { TestCluster } from '../cluster/test-cluster.ts'
import type { LogLine } from '../cluster/test-process.ts'
import { waitUntil } from '../cluster/wait-until.ts'
import { countOf } from '../full-run.ts'
import { BadAnswers, badMessage } from './answers.ts'
import { hostileBase64 } from './base64.ts'
import { exchange, type HostileInput, isExpected } from './client.ts'
import { HOSTILE_ID, HostileFileServer } from './file-server.ts'
import { hostileForms } from './forms.ts'
import { hostileHeaders } from './headers.ts'
import { hostileJson } from './json.ts'
import { hostileNames } from './names.ts'
import { Random } from './random.ts'
import { hostileSockets, meet } from './sockets.ts'

const MAX_PEAK_BYTES = 400 * 1024 * 1024
const INPUT_COUNT = countOf(10_000, 2_000)
const SOCKET_COUNT = countOf(1_400, 280)
const MESSAGE_COUNT = countOf(250, 50)
/** The hostile file-server has to be asked for at least so many of each, or its bad answers are not met. */
const LEAST_COMMANDS: Record<string, number> = {
  'grouped upload-file': 100,
  'grouped download-file': 10,
  'grouped delete-file': 50,
  'open-upload': 10,
  'upload-frame': 10,
  'upload-end': 5,
  'open-download': 1,
}
/** The inputs are the same every time; `HOSTILE_SEED=…` tries others. */
const seed = Number(process.env.HOSTILE_SEED ?? 1)

const families: Record<string, (random: Random) => HostileInput[]> = {
  names: (random) => hostileNames(random, countOf(2_600, 480)),
  json: (random) => hostileJson(random, countOf(2_600, 480)),
  forms: (random) => hostileForms(random, countOf(1_300, 280)),
  base64: (random) => hostileBase64(random, countOf(1_700, 320)),
  headers: (random) => hostileHeaders(random, countOf(1_600, 320)),
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

let cluster: TestCluster
let port: number
const badLines = new Set<LogLine>()
const counts: Record<string, number> = {}
/** They keep the digests of files that were acknowledged, by id, and the ids of those whose delete was. */
const stored = new Map<string, string>()
const deleted = new Set<string>()

beforeAll(async () => {
  cluster = await TestCluster.start({
    mongoUrl: inject('mongoUrl'),
    fileServers: 2,
    // Nothing is to be moved to a file-server that lies.
    managerEnvironment: { REBALANCE_THRESHOLD: '1000000' },
  })
  port = Number(new URL(cluster.url).port)
  for (const { process } of [...cluster.managers, ...cluster.fileServers]) {
    const note = (line: LogLine): boolean => {
      if (['error', 'fatal', 'raw'].includes(line.level) || line.message.includes('unhandled')) badLines.add(line)
      return false
    }
    // It sees every line and waits for none, so it always ends with an error: the process's end, or its deadline.
    process.line(note, 10 * 60_000).catch(() => undefined)
  }
})
afterAll(() => cluster[Symbol.asyncDispose]())

async function inParallel<T>(
  items: readonly T[],
  clientCount: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = [...items].reverse()
  const run = async (): Promise<void> => {
    for (let item = waiting.pop(); item !== undefined; item = waiting.pop()) await work(item)
  }
  await Promise.all(Array.from({ length: clientCount }, run))
}

async function tryFamily(family: string, inputs: readonly HostileInput[]): Promise<string[]> {
  const problems: string[] = []
  await inParallel(inputs, 12, async (input) => {
    const answer = await exchange(port, input)
    const { status, body } = answer
    const place = `${family}: ${input.what}`
    if (!isExpected(answer, input.expected)) {
      problems.push(`${place}: ${status}, not ${input.expected} ${body.toString('latin1').slice(0, 200)}`)
    }
    const isDelete = input.bytes.subarray(0, 7).toString() === 'DELETE '
    if (status !== 201 && !(status === 200 && isDelete)) return
    const file = JSON.parse(body.toString()) as { id: string; sha256: string }
    if (isDelete) return void deleted.add(file.id)
    stored.set(file.id, file.sha256)
    const isRight = input.stores === undefined || file.sha256 === sha256(input.stores)
    if (!isRight) problems.push(`${place}: stored other bytes`)
  })
  counts[family] = inputs.length
  return problems
}

async function trySockets(): Promise<string[]> {
  const problems: string[] = []
  const inputs = hostileSockets(new Random(seed), SOCKET_COUNT)
  await inParallel(inputs, 300, async (input) => {
    const end = await meet(port, input)
    const isRefused = end === 'closed' || (typeof end === 'number' && end >= 400 && end < 500)
    if (!isRefused) problems.push(`sockets: ${input.what}: ${end}`)
  })
  counts.sockets = inputs.length
  return problems
}

/** Clients upload and download while the emptiest of the file-servers answers every command with something else. */
async function tryFileServer(): Promise<string[]> {
  const problems: string[] = []
  const random = new Random(seed)
  const answers = new BadAnswers(random)
  await using hostile = new HostileFileServer(port, cluster.secret, answers)
  await hostile.welcome()
  const small = Array.from({ length: 400 }, (_, number) => ({ name: `lied/${number}`, bytes: Buffer.from('hi') }))
  const large = Array.from({ length: 12 }, (_, number) => ({
    name: `lied/large/${number}`,
    bytes: randomBytes(200_000),
  }))
  // Larger files come as streams.
  const larger = Array.from({ length: 40 }, (_, number) => ({
    name: `lied/larger/${number}`,
    bytes: randomBytes(300_000),
  }))
  await inParallel([...small, ...large, ...larger], 6, async ({ name, bytes }) => {
    const { status, body } = await upload(cluster.url, name, bytes)
    // Nothing is left of a stream to try another file-server with, so the answer of the chosen one is final.
    const isPassedOn = bytes.length > 2 && (status === 507 || (status >= 400 && status < 500))
    if (status !== 201 && status !== 503 && !isPassedOn) problems.push(`file-server: upload of ${name}: ${status}`)
    if (status !== 201) return
    const read = await download(cluster.url, name)
    if (read.status === 200 && read.body.equals(bytes)) {
      const { id } = JSON.parse(body.toString()) as { id: string }
      return void stored.set(id, sha256(bytes))
    }
    if (read.status !== 503 || read.code !== 4) problems.push(`file-server: download of ${name}: ${read.status}`)
    const removed = await remove(cluster.url, name)
    if (removed.status !== 200) problems.push(`file-server: delete of ${name}: ${removed.status}`)
  })
  for (let number = 0; number < MESSAGE_COUNT; number++) {
    const socket = await hostile.welcome()
    socket.sendText(badMessage(random, number))
    await socket.isRead()
  }
  for (const [command, least] of Object.entries(LEAST_COMMANDS)) {
    const count = answers.counts[command] ?? 0
    if (count < least) problems.push(`file-server: asked for ${command} ${count} times, less than ${least}`)
  }
  const answerCount = Object.values(answers.counts).reduce((sum, count) => sum + count)
  counts['file-server'] = answerCount + MESSAGE_COUNT
  console.log(JSON.stringify(answers.counts))
  return problems
}

test(`${INPUT_COUNT} hostile inputs get a 4xx or a closed socket, and legal ones are stored as they are (seed ${seed})`, async () => {
  const processes = [...cluster.managers, ...cluster.fileServers].map((member) => member.process)
  const target = JSON.parse((await upload(cluster.url, 'target', Buffer.from('for conditions'))).body.toString())
  stored.set(target.id, target.sha256)

  const problems: string[] = []
  const sockets = trySockets()
  for (const [family, make] of Object.entries(families)) {
    problems.push(...(await tryFamily(family, make(new Random(seed)))))
  }
  problems.push(...(await sockets), ...(await tryFileServer()))
  expect(problems.slice(0, 20), `HOSTILE_SEED=${seed} plays it again`).toEqual([])
  expect(Object.values(counts).reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(INPUT_COUNT)

  expect(processes.every((process) => process.isRunning)).toBe(true)
  // A request smuggled behind another one's body would have deleted it.
  expect((await download(cluster.url, 'target')).status).toBe(200)
  const bytes = Buffer.from('an honest file')
  expect((await upload(cluster.url, 'honest', bytes)).status).toBe(201)
  expect((await download(cluster.url, 'honest')).body.equals(bytes)).toBe(true)
  expect((await remove(cluster.url, 'honest')).status).toBe(200)
  const live = [...stored].flatMap(([id, digest]) => (deleted.has(id) ? [] : [digest])).sort()
  await waitUntil('exactly the live files have copies', async () => {
    const paths = await copiesIn(cluster.directories)
    const copies = paths.map((path) => path.slice(-64)).sort()
    return copies.join() === live.join() || { copies: copies.length, live: live.length }
  })

  // A person has to know that a copy reads back as other bytes. Here it is the hostile file-server's.
  expect([...badLines].filter((line) => line.message !== 'replica is damaged' || line.serverId !== HOSTILE_ID)).toEqual(
    [],
  )
  for (const { pid } of processes) expect(await peakBytes(pid)).toBeLessThan(MAX_PEAK_BYTES)
  console.log(JSON.stringify(counts), await Promise.all(processes.map((p) => peakBytes(p.pid))), live.length)
}, 300_000)
