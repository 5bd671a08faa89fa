import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { beforeAll, expect, inject, test } from 'vitest'
import { waitUntil } from '../../../cluster/wait-until.ts'
import { checkCluster } from '../../check/check-cluster.ts'
import { FaultCluster } from '../../cluster/fault-cluster.ts'
import { replicatedCluster } from '../../cluster/replicated-cluster.ts'
import { faultCounts, runsOf } from '../../counts.ts'
import type { Operation } from '../../load/history.ts'
import { LightClient } from '../../load/light-client.ts'
import { announceRun, type Random, runSeed } from '../../seed.ts'

const RUN_DEADLINE_MS = 600_000
const NAME = 'replaced again and again'
/** Readers that ask all the time take what the writer and a manager's start need. */
const READERS = 20
const MIB = 1024 * 1024
/** Versions of one chunk, small and large, and of several. */
const sizes = [0, 4_096, 300_000, 4 * MIB, 5 * MIB, 9 * MIB]
/** This many versions come between two kills. */
const PUTS_BETWEEN = 3
const PUT_DEADLINE_MS = 60_000

interface Version {
  readonly sha256: string
  readonly sizeBytes: number
  readonly startedAt: number
  endedAt: number
  outcome: 'acked' | 'refused' | 'indeterminate'
}

/** One writer puts one version after the other, and many readers read whole files meanwhile. */
class Replacing {
  readonly versions: Version[] = []
  readonly violations: string[] = []
  readCount = 0
  brokenCount = 0
  readonly #client = new LightClient()
  readonly #urls: readonly string[]
  #isOver = false
  readonly #loops: Promise<void>[]

  constructor(urls: readonly string[], random: Random) {
    this.#urls = urls
    this.#loops = [this.#write(random), ...Array.from({ length: READERS }, () => this.#read(random))]
  }

  ackedCount(): number {
    return this.versions.filter(({ outcome }) => outcome === 'acked').length
  }

  /** What the file may hold at the end: the last version that was acknowledged, or one without an answer after it. */
  lastOperations(): Operation[] {
    const last = this.versions.findLastIndex(({ outcome }) => outcome === 'acked')
    return this.versions.slice(last).map((version) => ({ ...version, name: NAME, kind: 'replace', status: 201 }))
  }

  async end(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#loops)
    this.#client[Symbol.dispose]()
  }

  async #write(random: Random): Promise<void> {
    while (!this.#isOver) {
      const bytes = randomBytes(random.pick(sizes))
      const sha256 = createHash('sha256').update(bytes).digest('hex')
      const open = {
        outcome: 'indeterminate' as const,
        startedAt: performance.now(),
        endedAt: Number.POSITIVE_INFINITY,
      }
      const version: Version = { sha256, sizeBytes: bytes.length, ...open }
      this.versions.push(version)
      const path = `/file/${encodeURIComponent(NAME)}`
      const answer = await this.#client.ask(random.pick(this.#urls), { method: 'PUT', path, body: bytes })
      const isRefused = answer.status === 507 || answer.isUnsent === true
      version.outcome = [200, 201].includes(answer.status) ? 'acked' : isRefused ? 'refused' : 'indeterminate'
      version.endedAt = performance.now()
      if (![0, 200, 201, 503, 507].includes(answer.status))
        this.violations.push(`a version was answered with ${answer.status}`)
      if (version.outcome !== 'acked') await this.#rest(random)
    }
  }

  async #read(random: Random): Promise<void> {
    await waitUntil('there is a version to read', () => this.#isOver || this.ackedCount() > 0, PUT_DEADLINE_MS)
    while (!this.#isOver) {
      const startedAt = performance.now()
      const { status, sha256, sizeBytes, etag } = await this.#client.download(random.pick(this.#urls), NAME)
      // A manager that has just started knows no file-server, and says so.
      if (status === 0 || status === 503) {
        this.brokenCount++
        await this.#rest(random)
        continue
      }
      this.readCount++
      const what = `a reader got ${status} and ${sizeBytes} bytes ${sha256.slice(0, 8)}`
      if (status !== 200) this.violations.push(what)
      else if (sha256 !== etag) this.violations.push(`${what}, where the ETag says ${etag.slice(0, 8)}`)
      else if (!this.#mayRead(sha256, startedAt, performance.now()))
        this.violations.push(`${what}, which is no version, or one that was replaced before it asked`)
    }
  }

  /** While nobody is there, asking again at once would take time from the processes that start. */
  async #rest(random: Random): Promise<void> {
    await delay(random.integer(20, 100))
  }

  /** A version whose answer was lost may come and go at any time. */
  #mayRead(sha256: string, startedAt: number, endedAt: number): boolean {
    const newestBefore = this.versions.findLastIndex(
      (version) => version.outcome === 'acked' && version.endedAt < startedAt,
    )
    return this.versions.some(
      (version, index) =>
        version.sha256 === sha256 &&
        version.startedAt <= endedAt &&
        (index >= newestBefore || version.outcome === 'indeterminate'),
    )
  }
}

beforeAll(announceRun)

test.each([...runsOf(faultCounts.killWhileReplacing).entries()])(
  `class replicated: while a file is replaced again and again and managers are killed, run %i, %i times, each of ${READERS} readers gets one version whole or a broken connection`,
  async (run, faultCount) => {
    await using faults = await FaultCluster.start({ ...replicatedCluster, mongoUrl: inject('mongoUrl') })
    const random = runSeed.fork(`replace-${run}`).random()
    const replacing = new Replacing(faults.urls, runSeed.fork(`readers-${run}`).random())
    try {
      for (let count = 0; count < faultCount; count++) {
        const before = replacing.ackedCount()
        const isReplaced = (): true | number =>
          replacing.ackedCount() >= before + PUTS_BETWEEN || replacing.ackedCount()
        await waitUntil(`${PUTS_BETWEEN} versions are acknowledged`, isReplaced, PUT_DEADLINE_MS)
        await delay(random.integer(0, 200))
        await faults.killManager(random.integer(0, 1))
      }
    } finally {
      await replacing.end()
    }
    await faults.heal()
    const { versions, violations, readCount, brokenCount } = replacing
    console.log(
      `replaced while managers are killed: seed ${runSeed.text}: ${faultCount} kills, ${versions.length} versions, ` +
        `${replacing.ackedCount()} acked, ${readCount} whole reads, ${brokenCount} without an answer, ` +
        `${violations.length} violations`,
    )
    expect(violations.slice(0, 10)).toEqual([])
    expect(readCount).toBeGreaterThan(200)
    expect(await checkCluster(faults.view, replacing.lastOperations())).toEqual([])
  },
  RUN_DEADLINE_MS,
)
