import { createHash, randomBytes } from 'node:crypto'
import { open, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, inject, test } from 'vitest'
import { waitUntil } from '../../../cluster/wait-until.ts'
import { checkCluster } from '../../check/check-cluster.ts'
import { type PlacedFile, pathOf } from '../../check/compare-disks.ts'
import { digestOf, lookAtDisks } from '../../check/disk-picture.ts'
import { openRecords } from '../../check/records.ts'
import { waitForHeal } from '../../check/wait-for-heal.ts'
import { FaultCluster } from '../../cluster/fault-cluster.ts'
import { replicatedCluster } from '../../cluster/replicated-cluster.ts'
import { faultCounts, runsOf } from '../../counts.ts'
import { History } from '../../load/history.ts'
import { LightClient } from '../../load/light-client.ts'
import { announceRun, type Random, runSeed } from '../../seed.ts'

const RUN_DEADLINE_MS = 900_000
const MIB = 1024 * 1024
/** Empty files, small ones that the journal takes, larger ones, and some of several chunks. */
const sizes = [0, 1, 4_096, 4_096, 60_000, 300_000, MIB, 4 * MIB, 9 * MIB]
/** This many copies are bad at the same time, each of another chunk. */
const BATCH = 15
const READERS = 6
/** A reader may happen upon the sound copy so often that nobody learns of the bad one for a while. */
const NOTICED_WITHIN_MS = 120_000

interface StoredFile {
  readonly name: string
  readonly bytes: Buffer
}

/** A copy of a chunk, as it lies on a disk. */
interface StoredCopy {
  readonly name: string
  readonly copyId: string
  readonly path: string
  readonly sizeBytes: number
  readonly sha256: string
}

/** Each does another harm to a copy. */
const damages: Record<string, (copy: StoredCopy, random: Random) => Promise<void>> = {
  'flips a bit': async ({ path, sizeBytes }, random) => {
    await using file = await open(path, 'r+')
    const offset = random.integer(0, sizeBytes - 1)
    const byte = Buffer.alloc(1)
    await file.read(byte, 0, 1, offset)
    byte.writeUInt8(byte.readUInt8() ^ (1 << random.integer(0, 7)))
    await file.write(byte, 0, 1, offset)
  },
  truncates: ({ path, sizeBytes }, random) => truncate(path, random.integer(0, sizeBytes - 1)),
  removes: ({ path }) => rm(path),
}

beforeAll(announceRun)

test.each([...runsOf(faultCounts.damageCopy).entries()])(
  'class replicated, invariant 3: stored copies get flipped bits, are truncated and removed, run %i, %i times: no reader gets a wrong byte or an error, and what was read is repaired',
  async (run, faultCount) => {
    await using faults = await FaultCluster.start({ ...replicatedCluster, mongoUrl: inject('mongoUrl') })
    const seed = runSeed.fork(`damage-${run}`)
    const random = seed.random()
    const history = new History()
    using client = new LightClient()
    const files: StoredFile[] = []
    for (let index = 0; index < 60; index++) files.push(await put(client, faults, history, index))
    await waitForHeal(faults.view)
    await using readers = new Readers(client, faults.urls, files, seed.fork('readers').random())
    const done: Record<string, number> = {}
    for (let left = faultCount; left > 0; ) {
      const chosen = chooseCopies(await copiesOf(faults), Math.min(BATCH, left), random)
      expect(chosen.length).toBeGreaterThan(0)
      for (const copy of chosen) {
        // There is nothing in an empty copy to change.
        const kind = copy.sizeBytes === 0 ? 'removes' : random.pick(Object.keys(damages))
        await damages[kind]?.(copy, random)
        done[kind] = (done[kind] ?? 0) + 1
      }
      left -= chosen.length
      const isOver = async () => readers.violations.length > 0 || areRepaired(faults, chosen)
      await waitUntil('each chunk has two good copies again', isOver, NOTICED_WITHIN_MS)
      expect(readers.violations.slice(0, 10)).toEqual([])
      await waitForHeal(faults.view)
    }
    await readers[Symbol.asyncDispose]()
    const { readCount, violations } = readers
    console.log(
      `damaged copies: seed ${seed.text}: ${JSON.stringify(done)}, ${readCount} reads, ${violations.length} violations`,
    )
    expect(violations.slice(0, 10)).toEqual([])
    expect(readCount).toBeGreaterThan(faultCount)
    await faults.heal()
    expect(await checkCluster(faults.view, history.operations)).toEqual([])
  },
  RUN_DEADLINE_MS,
)

async function put(client: LightClient, faults: FaultCluster, history: History, index: number): Promise<StoredFile> {
  const name = `damaged/${index}`
  const bytes = randomBytes(sizes[index % sizes.length] ?? 0)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const end = history.begin({ name, kind: 'upload', sha256, sizeBytes: bytes.length })
  const path = `/file/${encodeURIComponent(name)}`
  const { status } = await client.ask(faults.cluster.url, { method: 'PUT', path, body: bytes })
  expect(status).toBe(201)
  end({ outcome: 'acked', status })
  return { name, bytes }
}

/** Finds the copies that records name, chunk by chunk. */
async function copiesOf({ view }: FaultCluster): Promise<StoredCopy[][]> {
  await using records = await openRecords(view.mongoUrl)
  const { servers } = await lookAtDisks(view.directories)
  const live = (await records.read()).filter(({ state }) => state === 'live')
  return live.flatMap(({ name, chunks = [] }: PlacedFile) =>
    chunks.map(({ size, sha256, replicas }) =>
      replicas.map(({ server, slot, copyId }) => ({
        ...{ name, copyId, sha256, sizeBytes: size },
        path: join(servers.get(server) ?? '', pathOf(slot, copyId, sha256)),
      })),
    ),
  )
}

/** Chooses one copy each of some chunks, all of which are sound. */
function chooseCopies(chunks: readonly (readonly StoredCopy[])[], count: number, random: Random): StoredCopy[] {
  return random.sample(chunks, count).map((copies) => random.pick(copies))
}

/** @returns true where none of these copies is there any more and their chunks have two others with the right bytes */
async function areRepaired(faults: FaultCluster, damaged: readonly StoredCopy[]): Promise<true | string[]> {
  const ids = new Set(damaged.map(({ copyId }) => copyId))
  const chunks = await copiesOf(faults)
  const wrong = chunks.flat().flatMap(({ name, copyId }) => (ids.has(copyId) ? [`${name} still names ${copyId}`] : []))
  for (const { name, path } of damaged)
    if ((await digestOf(path)) !== null) wrong.push(`${name}: ${path} is still there`)
  const names = new Set(damaged.map(({ name }) => name))
  for (const { name, path, sha256 } of chunks.flat().filter((copy) => names.has(copy.name)))
    if ((await digestOf(path))?.sha256 !== sha256) wrong.push(`${name}: ${path} is not good`)
  return wrong.length === 0 || wrong.slice(0, 5)
}

/** They read whole files and ranges all the time, and know what they have to get. */
class Readers implements AsyncDisposable {
  readonly violations: string[] = []
  readCount = 0
  readonly #client: LightClient
  readonly #urls: readonly string[]
  readonly #loops: Promise<void>[]
  #isOver = false

  constructor(client: LightClient, urls: readonly string[], files: readonly StoredFile[], random: Random) {
    this.#client = client
    this.#urls = urls
    this.#loops = Array.from({ length: READERS }, () => this.#read(files, random))
  }

  async #read(files: readonly StoredFile[], random: Random): Promise<void> {
    while (!this.#isOver) {
      const { name, bytes } = random.pick(files)
      const isRange = bytes.length > 0 && random.isTrue(0.5)
      const start = isRange ? random.integer(0, bytes.length - 1) : 0
      const end = isRange ? random.integer(start + 1, bytes.length) : bytes.length
      const headers = isRange ? { range: `bytes=${start}-${end - 1}` } : undefined
      const { status, sha256 } = await this.#client.download(random.pick(this.#urls), name, headers)
      this.readCount++
      const what = `${name}: bytes ${start} to ${end} of ${bytes.length}`
      const wanted = createHash('sha256').update(bytes.subarray(start, end)).digest('hex')
      if (status !== (isRange ? 206 : 200)) this.violations.push(`${what} are answered with ${status}`)
      else if (sha256 !== wanted) this.violations.push(`${what} are wrong`)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#loops)
  }
}
