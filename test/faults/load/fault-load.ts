import { createCipheriv, createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { waitUntil } from '../../cluster/wait-until.ts'
import type { Random, Seed } from '../seed.ts'
import { type Ending, History, type Outcome } from './history.ts'
import { type LightAnswer, LightClient } from './light-client.ts'
import { chooseSize, chooseStep, type OwnName } from './load-plan.ts'

/** Under a load slower than this a fault hits nothing, so the run shows nothing. */
const LEAST_OPERATIONS_PER_SECOND = 50
/**
 * After an outage the load gets back to this rate, but has only so much time for it, because on a slow machine a run
 * should end void, not here.
 */
const REGAINED_OPERATIONS_PER_SECOND = 65
const REGAIN_MS = 30_000

/** One client still works on so many names. */
const MAX_NAMES = 150
const POOL_BYTES = 8 * 1024 * 1024
/** All clients together have so many goes at a contested name before the next one is opened. */
const CONTEST_GOES = 10

export interface FaultLoadOptions {
  /** Each operation goes to one of these managers at random. */
  readonly urls: readonly string[]
  readonly seed: Seed
  readonly clients?: number
  readonly maxBytes?: number
  /**
   * Clients go on all at once, at the next multiple of so many milliseconds. With 0 each goes on as soon as it has its
   * answer.
   */
  readonly gustMs?: number
}

/** Its clients upload, read back and delete without a pause, and remember what they were told. */
export class FaultLoad {
  readonly history = new History()
  /** Each sentence names what no history can excuse, such as a whole answer with wrong bytes. */
  readonly violations: string[] = []
  readonly #options: FaultLoadOptions
  readonly #client = new LightClient()
  readonly #pool: Buffer
  readonly #sent = new Map<string, Set<string>>()
  readonly #prefix: string
  readonly #startedAt = performance.now()
  readonly #loops: Promise<void>[]
  #stoppedAt: number | null = null
  #regainMs = REGAIN_MS
  #uploadCount = 0
  #contestGoes = 0

  private constructor(options: FaultLoadOptions) {
    const { seed, clients = 16 } = options
    this.#options = options
    const key = createHash('sha256').update(seed.text).digest()
    this.#prefix = key.toString('hex', 0, 4)
    this.#pool = createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(POOL_BYTES))
    this.#loops = Array.from({ length: clients }, (_, index) => this.#loop(index, seed.fork(index).random()))
  }

  static start(options: FaultLoadOptions): FaultLoad {
    return new FaultLoad(options)
  }

  get operationsPerSecond(): number {
    return this.history.answeredCount / (((this.#stoppedAt ?? performance.now()) - this.#startedAt) / 1000)
  }

  /** Waits until uploads are acknowledged, which shows that the system is there for its clients. */
  async isServed(uploadCount = 5, deadlineMs = 60_000): Promise<void> {
    const before = this.history.count('acked', 'upload')
    const isServed = (): boolean => this.history.count('acked', 'upload') >= before + uploadCount
    await waitUntil('uploads are acknowledged', isServed, deadlineMs)
  }

  /**
   * After a fault that stopped everything, waits until the run so far had enough load, so that outages alone do not
   * make it void.
   */
  async regainRate(): Promise<void> {
    const startedAt = performance.now()
    const isOver = () => performance.now() - startedAt > this.#regainMs
    while (this.operationsPerSecond < REGAINED_OPERATIONS_PER_SECOND && !isOver()) await delay(50)
    this.#regainMs -= performance.now() - startedAt
  }

  /** @throws Error where so few operations were answered that the run is void. */
  async stop(): Promise<History> {
    await this.end()
    const rate = this.operationsPerSecond
    if (rate < LEAST_OPERATIONS_PER_SECOND)
      throw new Error(
        `the run is void: ${rate.toFixed(0)} operations/s, and under ${LEAST_OPERATIONS_PER_SECOND} it shows nothing`,
      )
    return this.history
  }

  /** Lets the clients end, whatever their rate was. */
  async end(): Promise<void> {
    this.#stoppedAt ??= performance.now()
    await Promise.all(this.#loops)
    this.#client[Symbol.dispose]()
  }

  async #loop(index: number, random: Random): Promise<void> {
    let names: OwnName[] = []
    const { gustMs = 0 } = this.#options
    for (let count = 0; this.#stoppedAt === null; ) {
      if (gustMs > 0) await delay(gustMs - (performance.now() % gustMs))
      const step = chooseStep(random, names)
      let own: OwnName
      if (step.kind === 'contest') own = newName(`${this.#prefix}/contest/${this.#takeContest()}`)
      else if (step.kind === 'upload-new') {
        own = newName(`${this.#prefix}/${index}/${count++}`)
        names = [...names, own].slice(-MAX_NAMES)
      } else own = step.own
      const kind =
        step.kind === 'contest' ? random.pick(['upload', 'upload', 'download', 'delete'] as const) : step.kind
      const { outcome, status } = await this.#carryOut(own, kind, random)
      own.operationCount++
      if (outcome === 'indeterminate') own.doubtCount++
      // While nobody is there, asking again at once would take time from the processes that start.
      if (outcome === 'indeterminate' || status === 0) await delay(random.integer(20, 100))
    }
  }

  #takeContest(): number {
    return Math.floor(this.#contestGoes++ / CONTEST_GOES)
  }

  async #carryOut(
    own: OwnName,
    kind: 'upload' | 'upload-new' | 'upload-again' | 'download' | 'delete',
    random: Random,
  ): Promise<Ending> {
    const url = random.pick(this.#options.urls)
    if (kind === 'download') return this.#download(own, url)
    if (kind === 'delete') return this.#delete(own, url)
    return this.#upload(own, url, this.#makeBytes(random))
  }

  async #upload(own: OwnName, url: string, bytes: Buffer): Promise<Ending> {
    const { name } = own
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    this.#sent.set(name, (this.#sent.get(name) ?? new Set()).add(sha256))
    const end = this.history.begin({ name, kind: 'upload', sha256, sizeBytes: bytes.length })
    const answer = await this.#client.upload(url, name, bytes)
    const { status } = answer
    // A 5xx other than "all full" leaves open whether the upload was carried out.
    const isRefused = (status >= 400 && status < 500) || status === 507 || answer.isUnsent === true
    const outcome = status === 201 ? 'acked' : isRefused ? 'refused' : 'indeterminate'
    end({ outcome, status })
    if (outcome === 'acked' || status === 409) own.isThere = true
    return { outcome, status }
  }

  async #download(own: OwnName, url: string): Promise<Ending> {
    const { name } = own
    const end = this.history.begin({ name, kind: 'download', sha256: null, sizeBytes: 0 })
    const answer = await this.#client.download(url, name)
    const { status, sha256, sizeBytes } = answer
    const outcome = outcomeOf(answer)
    if (status === 200) this.#verify(name, answer)
    end(status === 200 ? { outcome, status, sha256, sizeBytes } : { outcome, status })
    if (status === 200 || status === 404) own.isThere = status === 200
    return { outcome, status }
  }

  async #delete(own: OwnName, url: string): Promise<Ending> {
    const { name } = own
    const end = this.history.begin({ name, kind: 'delete', sha256: null, sizeBytes: 0 })
    const answer = await this.#client.remove(url, name)
    const { status } = answer
    const outcome = outcomeOf(answer)
    end({ outcome, status })
    if (status === 200 || status === 404) own.isThere = false
    return { outcome, status }
  }

  /** @returns bytes that no other upload has, unless they are too few for that */
  #makeBytes(random: Random): Buffer {
    const sizeBytes = chooseSize(random, this.#options.maxBytes ?? POOL_BYTES / 2 + 1)
    const offset = random.integer(0, POOL_BYTES - sizeBytes)
    const bytes = Buffer.from(this.#pool.subarray(offset, offset + sizeBytes))
    if (sizeBytes >= 8) bytes.writeBigUInt64LE(BigInt(this.#uploadCount++))
    return bytes
  }

  #verify(name: string, { sha256, sizeBytes, etag }: LightAnswer): void {
    if (!this.#sent.get(name)?.has(sha256))
      this.violations.push(`${name}: a download ended with ${sizeBytes} bytes that nobody sent`)
    if (etag !== sha256) this.violations.push(`${name}: a download ended with other bytes than its ETag says`)
  }
}

function newName(name: string): OwnName {
  return { name, isThere: false, operationCount: 0, doubtCount: 0 }
}

/** @returns how a download or a delete ended */
function outcomeOf({ status, isUnsent }: LightAnswer): Outcome {
  if (status === 200) return 'acked'
  return status === 404 || isUnsent === true ? 'refused' : 'indeterminate'
}
