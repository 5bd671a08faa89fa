import { createHash, randomBytes } from 'node:crypto'
import { Agent, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, inject, test } from 'vitest'
import { copiesIn, walk } from '../../cluster/disk.ts'
import { residentBytes } from '../../cluster/process-measures.ts'
import { TestCluster } from '../../cluster/test-cluster.ts'
import { waitUntil } from '../../cluster/wait-until.ts'

const MIB = 1024 * 1024
const DEADLINE_MS = 600_000
const small = 10_000
const large = { count: 200, mib: 63 }
const HIGHEST_MANAGER_BYTES = 900 * MIB
const HIGHEST_FILE_SERVER_BYTES = 400 * MIB

interface Reply {
  readonly status: number
  readonly retryAfter: string | undefined
  readonly sha256: string
  /** It is null where the body is no error. */
  readonly code: number | null
}

/** With these codes nothing of the upload was carried out, nor will it be. */
const REFUSED_CODES = [1, 17]

/** @param pieces are written one after the other, as the other side takes them. */
function ask(agent: Agent, method: string, url: string, pieces: readonly Buffer[], contentLength = 0): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const headers = method === 'POST' ? { 'content-type': 'application/json', 'content-length': contentLength } : {}
    const sent = request(url, { method, agent, headers, timeout: DEADLINE_MS }, (response) => {
      const hash = createHash('sha256')
      let last = ''
      response.on('data', (bytes: Buffer) => {
        hash.update(bytes)
        last = bytes.subarray(-500).toString('latin1')
      })
      response.on('error', reject)
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response
        // A refusal may come before everything was sent.
        if (!sent.writableFinished) sent.destroy()
        const code = status < 400 ? null : Number(/"code":(\d+)/.exec(last)?.[1])
        resolve({ status, retryAfter: headers['retry-after'], sha256: hash.digest('hex'), code })
      })
    })
    sent.on('error', reject)
    const write = async (): Promise<void> => {
      for (const piece of pieces) {
        if (sent.destroyed) return
        if (!sent.write(piece)) await new Promise((taken) => sent.once('drain', taken).once('close', taken))
      }
      sent.end()
    }
    write().catch(reject)
  })
}

/** Asks again when told to come back later, as a client should. A name may be taken by this client's own first try. */
async function untilServed(go: () => Promise<Reply>): Promise<Reply> {
  const told: (number | null)[] = []
  for (;;) {
    const reply = await go().catch((error: NodeJS.ErrnoException) => {
      // A refusal ends the connection of a body that is still on its way.
      if (error.code === 'ECONNRESET' || error.code === 'EPIPE') return null
      throw error
    })
    if (reply?.status === 409 && told.some((code) => code === null || !REFUSED_CODES.includes(code)))
      return { ...reply, status: 201 }
    if (reply !== null && reply.status !== 503) return reply
    told.push(reply?.code ?? null)
    if (reply !== null) expect(reply.retryAfter).toMatch(/^\d+$/)
    await delay(100 + Math.random() * 400)
  }
}

function jsonPieces(name: string, piece: Buffer, times: number): Buffer[] {
  const text = Buffer.from(piece.toString('base64'))
  const head = Buffer.from(`{"filename":"${name}","file":"`)
  return [head, ...Array.from({ length: times }, () => text), Buffer.from('"}')]
}

const lengthOf = (pieces: readonly Buffer[]): number => pieces.reduce((sum, { length }) => sum + length, 0)

test(
  `row 36, invariants 1, 6 and 9: of ${small} small uploads at one moment none is lost, and one that has to wait is told when to come back`,
  async () => {
    await using cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl') })
    const agent = new Agent({ keepAlive: false })
    const files = Array.from({ length: small }, (_, index) => ({ name: `crowd/${index}`, bytes: randomBytes(1024) }))
    const uploads = files.map(({ name, bytes }) => {
      const pieces = jsonPieces(name, bytes, 1)
      return untilServed(() => ask(agent, 'POST', `${cluster.url}/file`, [Buffer.concat(pieces)], lengthOf(pieces)))
    })
    for (const { status } of await Promise.all(uploads)) expect(status).toBe(201)
    const { directories } = cluster
    expect(await copiesIn(directories)).toHaveLength(small)
    for (const directory of directories)
      expect((await walk(`${directory}/tree`)).largestDirectory).toBeLessThanOrEqual(36)
    const few = new Agent({ keepAlive: true, maxSockets: 32 })
    const reads = files.map(async ({ name, bytes }) => {
      const { sha256 } = await untilServed(() => ask(few, 'GET', `${cluster.url}/file/${encodeURIComponent(name)}`, []))
      return sha256 === createHash('sha256').update(bytes).digest('hex')
    })
    expect((await Promise.all(reads)).every(Boolean)).toBe(true)
    few.destroy()
    await waitUntil('every file is counted', async () => {
      const counts = (await cluster.activeNodes()).map((node) => node.files)
      return counts.reduce((sum, count) => sum + count, 0) === small || counts
    })
  },
  DEADLINE_MS,
)

test(
  `row 37, invariants 1 and 9: ${large.count} files of ${large.mib} MiB go up at once, then down at once, within bounded memory`,
  async () => {
    await using cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl') })
    const agent = new Agent({ keepAlive: false })
    // It is 3 MiB of noise repeated, whose base64 is exactly 4 MiB.
    const piece = randomBytes(3 * MIB)
    const times = large.mib / 3
    const expected = createHash('sha256')
    for (let count = 0; count < times; count++) expected.update(piece)
    const digest = expected.digest('hex')
    const names = Array.from({ length: large.count }, (_, index) => `large-${index}`)
    const ups = names.map((name) => {
      const pieces = jsonPieces(name, piece, times)
      return untilServed(() => ask(agent, 'POST', `${cluster.url}/file`, pieces, lengthOf(pieces)))
    })
    for (const { status } of await Promise.all(ups)) expect(status).toBe(201)
    const downs = names.map((name) => untilServed(() => ask(agent, 'GET', `${cluster.url}/file/${name}`, [])))
    for (const { status, sha256 } of await Promise.all(downs)) expect([status, sha256]).toEqual([200, digest])
    const peaks = await Promise.all(
      [...cluster.managers, ...cluster.fileServers].map((m) => residentBytes(m.process.pid)),
    )
    const [manager = 0, ...fileServers] = peaks
    console.log(`row 37: MiB held: ${peaks.map((bytes) => (bytes / MIB).toFixed(0)).join(', ')}`)
    expect(manager).toBeLessThan(HIGHEST_MANAGER_BYTES)
    for (const bytes of fileServers) expect(bytes).toBeLessThan(HIGHEST_FILE_SERVER_BYTES)
  },
  DEADLINE_MS,
)
