import { createHash, randomInt } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { copiesIn } from './disk.ts'
import { answerBadly, badMessage } from './hostile-answers.ts'
import { hostileBase64 } from './hostile-base64.ts'
import { exchange, type HostileInput, isExpected } from './hostile-client.ts'
import { HostileFileServer } from './hostile-file-server.ts'
import { hostileForms } from './hostile-forms.ts'
import { hostileHeaders } from './hostile-headers.ts'
import { hostileJson } from './hostile-json.ts'
import { hostileNames } from './hostile-names.ts'
import { Random } from './hostile-random.ts'
import { hostileSockets, meet } from './hostile-sockets.ts'
import { download, remove, upload } from './http.ts'
import { TestCluster } from './test-cluster.ts'
import type { LogLine } from './test-process.ts'
import { waitUntil } from './wait-until.ts'

const MIB = 1024 * 1024
const MAX_PEAK_BYTES = 400 * MIB
/** `HOSTILE_SEED=…` plays a failed run again. */
const seed = Number(process.env.HOSTILE_SEED ?? randomInt(2 ** 31))

const families: Record<string, (random: Random) => HostileInput[]> = {
  names: (random) => hostileNames(random, 2_600),
  json: (random) => hostileJson(random, 2_600),
  forms: (random) => hostileForms(random, 1_300),
  base64: (random) => hostileBase64(random, 1_700),
  headers: (random) => hostileHeaders(random, 1_500),
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

let cluster: TestCluster
let port: number
const badLines = new Set<LogLine>()
const counts: Record<string, number> = {}
/** By id: the files that were acknowledged, less those whose delete was. */
const stored = new Map<string, { filename: string; sha256: string }>()
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
    // Sees every line, waits for none: that it ends with the process is expected.
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

async function tryFamily(name: string, inputs: readonly HostileInput[]): Promise<string[]> {
  const t0 = performance.now()
  const problems: string[] = []
  await inParallel(inputs, 12, async (input) => {
    const answer = await exchange(port, input)
    const { status } = answer
    if (!isExpected(answer, input.expected)) {
      problems.push(
        `${name}: ${input.what}: ${status}, not ${input.expected} ${answer.body.toString('latin1').slice(0, 200)}`,
      )
    }
    if (status !== 200 && status !== 201) return
    if (!/\r\ncontent-type: application\/json/i.test(answer.headers)) return
    const { id, ...file } = JSON.parse(answer.body.toString()) as { id: string; filename: string; sha256: string }
    if (status === 200) deleted.add(id)
    else stored.set(id, file)
    if (status === 201 && input.stores !== undefined && file.sha256 !== sha256(input.stores))
      problems.push(`${name}: ${input.what}: stored other bytes`)
  })
  counts[name] = inputs.length
  timings[name] = performance.now() - t0
  return problems
}
const timings: Record<string, number> = {}

async function trySockets(): Promise<string[]> {
  const problems: string[] = []
  const t0 = performance.now()
  const inputs = hostileSockets(new Random(seed), 1_400)
  await inParallel(inputs, 300, async (input) => {
    const end = await meet(port, input)
    if (end !== 'closed' && (typeof end !== 'number' || end < 400 || end >= 500))
      problems.push(`sockets: ${input.what}: ${end}`)
  })
  counts.sockets = inputs.length
  timings.sockets = performance.now() - t0
  return problems
}

test(`hostile inputs get a 4xx or a closed socket, and legal ones are stored as they are (seed ${seed})`, async () => {
  await upload(cluster.url, 'target', Buffer.from('a target for conditions'))
  const sockets = trySockets()
  const problems: string[] = []
  for (const [name, make] of Object.entries(families)) problems.push(...(await tryFamily(name, make(new Random(seed)))))
  problems.push(...(await sockets))
  if (process.env.HOSTILE_DUMP)
    (await import('node:fs')).writeFileSync(
      process.env.HOSTILE_DUMP,
      JSON.stringify({ problems, counts, timings, bad: [...badLines] }, null, 1),
    )
  expect(problems.slice(0, 20)).toEqual([])
}, 120_000)
