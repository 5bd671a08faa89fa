import { createHash, type Hash, randomBytes } from 'node:crypto'
import { describe, expect, inject, test } from 'vitest'
import { copiesIn } from './cluster/disk.ts'
import { request } from './cluster/http.ts'
import { peakBytes } from './cluster/process-measures.ts'
import { TestCluster } from './cluster/test-cluster.ts'
import { useTestCluster } from './cluster/use-test-cluster.ts'
import { waitUntil } from './cluster/wait-until.ts'
import { countOf, isFullRun, testInFull } from './full-run.ts'

const MIB = 1024 * 1024
/** Each file is larger than any process may become. */
const FILE_MIB = 516
const PEAK_LIMIT_BYTES = 384 * MIB

/** The file is 3 MiB of noise repeated, whose base64 is exactly 4 MiB, so that it can be sent in pieces. */
async function* jsonUpload(name: string, piece: Buffer): AsyncGenerator<Buffer> {
  const text = Buffer.from(piece.toString('base64'))
  yield Buffer.from(`{"filename":"${name}","file":"`)
  for (let sent = 0; sent < FILE_MIB; sent += 3) yield text
  yield Buffer.from('"}')
}

testInFull(
  'invariant 9: memory does not grow with the size of a file, up or down',
  async () => {
    await using cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 1 })
    const pids = [cluster.managers[0]?.process.pid ?? 0, cluster.fileServers[0]?.process.pid ?? 0]
    const piece = randomBytes(3 * MIB)
    const names = ['one', 'two']
    const answers = await Promise.all(
      names.map((name) =>
        fetch(`${cluster.url}/file`, {
          method: 'POST',
          duplex: 'half',
          body: jsonUpload(name, piece),
        } as unknown as RequestInit),
      ),
    )
    const stored = (await Promise.all(answers.map((answer) => answer.json()))) as {
      sizeBytes: number
      sha256: string
    }[]
    expect(answers.map((answer) => answer.status)).toEqual([201, 201])

    const digests = await Promise.all(names.map((name) => digestOf(`${cluster.url}/file/${name}`)))
    expect(digests).toEqual(stored.map((file) => file.sha256))
    // Two such files passed up and down at once, yet no process has ever held as much as one of them.
    for (const pid of pids) expect(await peakBytes(pid)).toBeLessThan(PEAK_LIMIT_BYTES)
  },
  300_000,
)

const SHARED_MIB = countOf(10 * 1024, 320)
const BOUNDARY = 'memory-test'
const RSS_LIMIT_BYTES = 300 * MIB

/** Every piece begins with its number, so that pieces in another order are another file. */
function pieceOf(noise: Buffer, number: number): Buffer {
  const piece = Buffer.from(noise)
  piece.writeUInt32BE(number)
  return piece
}

async function* numberedPieces(noise: Buffer, hash: Hash): AsyncGenerator<Buffer> {
  for (let number = 0; number < SHARED_MIB; number++) {
    const piece = pieceOf(noise, number)
    hash.update(piece)
    yield piece
  }
}

/** Beyond this the chunks of a large file are in other documents; a smaller one has the border of two chunks there. */
const BORDER_MIB = countOf(1024, 256)

async function expectRangesAtBorder(url: string, noise: Buffer): Promise<void> {
  const around = Buffer.concat(Array.from({ length: 12 }, (_, index) => pieceOf(noise, BORDER_MIB - 6 + index)))
  const startsAt = (BORDER_MIB - 6) * MIB
  for (const [from, to] of [
    [6 * MIB - 1, 6 * MIB + 1],
    [6 * MIB, 6 * MIB + 5],
    [6 * MIB - 5, 6 * MIB],
    [MIB + 1, 11 * MIB + 7],
  ] as const) {
    const range = `bytes=${startsAt + from}-${startsAt + to - 1}`
    const { status, body } = await request(url, { headers: { range } })
    expect({ range, status, isRight: body.equals(around.subarray(from, to)) }).toEqual({
      range,
      status: 206,
      isRight: true,
    })
  }
}

async function* multipart(name: string, pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield Buffer.from(
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\n` +
      'Content-Type: application/octet-stream\r\n\r\n',
  )
  yield* pieces
  yield Buffer.from(`\r\n--${BOUNDARY}--\r\n`)
}

const kinds = [
  {
    kind: 'raw',
    path: '/upload?name=raw',
    type: 'application/octet-stream',
    wrap: (pieces: AsyncIterable<Buffer>) => pieces,
  },
  {
    kind: 'multipart',
    path: '/upload',
    type: `multipart/form-data; boundary=${BOUNDARY}`,
    wrap: (pieces: AsyncIterable<Buffer>) => multipart('multipart', pieces),
  },
]

describe(`while a share of ${SHARED_MIB} MiB goes up and comes down`, () => {
  const shared = useTestCluster()

  test.each(isFullRun ? kinds : kinds.slice(0, 1))(
    'invariant 9: every process stays below 300 MiB ($kind)',
    async ({ kind, path, type, wrap }) => {
      const cluster = shared()
      const hash = createHash('sha256')
      const noise = randomBytes(MIB)
      const begunAt = performance.now()
      const answer = await fetch(`${cluster.url}${path}`, {
        method: 'POST',
        duplex: 'half',
        headers: { 'content-type': type },
        body: wrap(numberedPieces(noise, hash)),
      } as unknown as RequestInit)
      const file = (await answer.json()) as { id: string; size: number; sha256: string; url: string }
      const sentAt = performance.now()
      const sha256 = hash.digest('hex')
      expect(file).toMatchObject({ size: SHARED_MIB * MIB, sha256 })
      expect(await digestOf(`${cluster.url}${file.url}`)).toBe(sha256)
      const readAt = performance.now()
      await expectRangesAtBorder(`${cluster.url}${file.url}`, noise)

      const processes = [...cluster.managers, ...cluster.fileServers].map((member) => member.process)
      const peaks = await Promise.all(processes.map((process) => peakBytes(process.pid)))
      const rate = (ms: number): string => `${((SHARED_MIB * MIB) / 1_000 / ms).toFixed(0)} MB/s`
      console.log(
        `${kind}, ${SHARED_MIB} MiB: up ${rate(sentAt - begunAt)}, down ${rate(readAt - sentAt)}; peaks`,
        processes.map((process, index) => `${process.kind} ${((peaks[index] ?? 0) / MIB).toFixed(0)} MiB`).join(', '),
      )
      for (const peak of peaks) expect(peak).toBeLessThan(RSS_LIMIT_BYTES)

      await fetch(`${cluster.url}/files/${file.id}`, { method: 'DELETE' })
      await waitUntil('all copies are gone', async () => (await copiesIn(cluster.directories)).length === 0, 60_000)
    },
    countOf(1_800_000, 300_000),
  )
})

async function digestOf(url: string): Promise<string> {
  const hash = createHash('sha256')
  const response = await fetch(url)
  for await (const bytes of response.body ?? []) hash.update(bytes)
  return hash.digest('hex')
}
