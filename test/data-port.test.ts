import { randomBytes } from 'node:crypto'
import { beforeAll, expect, inject, test } from 'vitest'
import { announceRun, runSeed } from './faults/seed.ts'
import { download, upload } from './http.ts'
import { TestCluster } from './test-cluster.ts'
import { waitUntil } from './wait-until.ts'

const MIB = 1024 * 1024
const CLIENTS = 8
const RANGES_OF_EACH = 9

beforeAll(announceRun)

/** Reads a range, or the beginning of it. @returns what came, and whether that is all */
async function readRange(url: string, start: number, end: number, untilBytes: number) {
  const stop = new AbortController()
  const response = await fetch(url, { headers: { range: `bytes=${start}-${end - 1}` }, signal: stop.signal })
  const pieces: Buffer[] = []
  let readBytes = 0
  for await (const piece of response.body ?? []) {
    pieces.push(Buffer.from(piece))
    readBytes += piece.length
    if (readBytes >= untilBytes) break
  }
  stop.abort()
  return { status: response.status, bytes: Buffer.concat(pieces) }
}

/** Resolves when large files come by the data connection, which is dialled when the first one is asked for. */
async function dataConnectionOf(cluster: TestCluster, name: string): Promise<void> {
  const opened = cluster.managers[0]?.process.line((line) => line.message === 'data connection opened')
  await download(cluster.url, name)
  await opened
}

test('many clients that read any ranges of a large file, some going away in the middle, get right bytes and nothing else', async () => {
  await using cluster = await TestCluster.start({
    mongoUrl: inject('mongoUrl'),
    fileServers: 1,
    fileServerEnvironment: { LOCAL_READS: 'false' },
  })
  const content = randomBytes(21 * MIB + 12_345)
  await upload(cluster.url, 'large', content)
  await dataConnectionOf(cluster, 'large')

  let partialCount = 0
  const client = async (number: number): Promise<void> => {
    const random = runSeed.fork(`ranges-${number}`).random()
    for (let count = 0; count < RANGES_OF_EACH; count++) {
      const start = random.integer(0, content.length - 1)
      const end = random.integer(start + 1, content.length)
      const isPatient = count % 3 !== 0
      const untilBytes = isPatient ? Number.POSITIVE_INFINITY : random.integer(0, end - start - 1)
      const { status, bytes } = await readRange(`${cluster.url}/file/large`, start, end, untilBytes)
      expect(status).toBe(206)
      if (isPatient) expect(bytes.length).toBe(end - start)
      else partialCount++
      expect(bytes.equals(content.subarray(start, start + bytes.length))).toBe(true)
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number)))
  expect(partialCount).toBe((CLIENTS * RANGES_OF_EACH) / 3)
})

test('a file-server that is killed and comes back is dialled again', async () => {
  await using cluster = await TestCluster.start({
    mongoUrl: inject('mongoUrl'),
    fileServers: 1,
    fileServerEnvironment: { LOCAL_READS: 'false' },
  })
  const content = randomBytes(9 * MIB)
  await upload(cluster.url, 'large', content)
  await dataConnectionOf(cluster, 'large')
  await cluster.fileServers[0]?.process.kill()
  expect(await download(cluster.url, 'large')).toMatchObject({ status: 503 })
  await cluster.restartFileServer(0)
  await cluster.settled()
  await dataConnectionOf(cluster, 'large')
  const { status, body } = await download(cluster.url, 'large')
  expect([status, body.equals(content)]).toEqual([200, true])
})

test.each<[string, Record<string, string>]>([
  ['has none', { DATA_HOST: 'none', LOCAL_READS: 'false' }],
  ['has one on a port of its own', { DATA_HOST: '0.0.0.0', LOCAL_READS: 'false' }],
])('a large file comes from a file-server that %s', async (_, fileServerEnvironment) => {
  await using cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 1, fileServerEnvironment })
  const content = randomBytes(9 * MIB)
  await upload(cluster.url, 'large', content)
  await waitUntil('three downloads are right', async () => {
    const answers = await Promise.all([1, 2, 3].map(() => download(cluster.url, 'large')))
    return answers.every(({ status, body }) => status === 200 && body.equals(content))
  })
})
