import { createCipheriv, createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { waitUntil } from '../../cluster/wait-until.ts'
import type { Random, Seed } from '../seed.ts'
import { type Ending, History, type OperationKind, type Outcome } from './history.ts'
import { type LightAnswer, LightClient } from './light-client.ts'
import { chooseSize, chooseStep, type OwnName, type Step } from './load-plan.ts'
import { replicatedWays, singleWays, type UploadWay } from './upload-ways.ts'

/** Under a load slower than this a fault hits nothing, so the run shows nothing. */
const LEAST_OPERATIONS_PER_SECOND = 50
/**
 * After an outage the load gets back to this rate, but has only so much time for it, because on a slow machine a run
 * should end void, not here.
 */
const REGAINED_OPERATIONS_PER_SECOND = 65
const REGAIN_MS = 120_000

/** One client still works on so many names. */
const MAX_NAMES = 150
const POOL_BYTES = 12 * 1024 * 1024
/** Files of class `single` are hardly larger than a part, and those of class `replicated` have several chunks. */
const MAX_BYTES = { single: 4 * 1024 * 1024 + 1, replicated: 9 * 1024 * 1024, both: 9 * 1024 * 1024 }
const WAYS = { single: singleWays, replicated: replicatedWays, both: [...singleWays, ...replicatedWays] }
/** All clients together have so many goes at a contested name before the next one is opened. */
const CONTEST_GOES = 10
/** Where files can be replaced, so many of what would be downloads replace one. */
const REPLACED_SHARE = 0.2
/** The share of downloads that ask for a range, where there are files of class `replicated`. */
const RANGES_SHARE = 0.3

/** The bytes that an upload takes from the pool, of which the first 8 are a number of its own where there are so many. */
interface Content {
  readonly offset: number
  readonly sizeBytes: number
  readonly number: number
}

interface Sent {
  readonly bytes: Buffer
  readonly sha256: string
}

interface Range {
  readonly start: number
  readonly end: number
}

export interface FaultLoadOptions {
  /** Each operation goes to one of these managers at random. */
  readonly urls: readonly string[]
  readonly seed: Seed
  readonly clients?: number
  readonly maxBytes?: number
  readonly storageClass?: 'single' | 'replicated' | 'both'
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
  /** The bytes of each digest that was sent. */
  readonly #contents = new Map<string, Content>()
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
        const way = random.pick(this.#ways)
        if (way.kind === 'share') {
          const { link, ending } = await this.#share(own.name, way, random)
          if (link !== null) names = [...names, link].slice(-MAX_NAMES)
          if (ending.outcome === 'indeterminate' || ending.status === 0) await delay(random.integer(20, 100))
          continue
        }
        names = [...names, own].slice(-MAX_NAMES)
      } else own = step.own
      const { outcome, status } = await this.#carryOut(own, this.#kindOf(step, own, random), random)
      own.operationCount++
      if (outcome === 'indeterminate') own.doubtCount++
      // While nobody is there, asking again at once would take time from the processes that start.
      if (outcome === 'indeterminate' || status === 0) await delay(random.integer(20, 100))
    }
  }

  #takeContest(): number {
    return Math.floor(this.#contestGoes++ / CONTEST_GOES)
  }

  get #storageClass() {
    return this.#options.storageClass ?? 'single'
  }

  get #ways(): readonly UploadWay[] {
    return WAYS[this.#storageClass]
  }

  #kindOf({ kind }: Step, own: OwnName, random: Random): OperationKind {
    switch (kind) {
      case 'contest':
        return random.pick(['upload', 'upload', 'download', 'delete'])
      case 'download':
        return !own.isLink && this.#ways.some(isReplacing) && random.isTrue(REPLACED_SHARE) ? 'replace' : 'download'
      case 'delete':
        return 'delete'
      default:
        return 'upload'
    }
  }

  async #carryOut(own: OwnName, kind: OperationKind, random: Random): Promise<Ending> {
    const url = random.pick(this.#options.urls)
    if (kind === 'download') return this.#download(own, url, random)
    if (kind === 'delete') return this.#delete(own, url)
    const ways = this.#ways.filter((way) => (kind === 'replace' ? isReplacing(way) : way.kind !== 'share'))
    return this.#upload(own, url, random.pick(ways), this.#makeFile(own.name, random))
  }

  async #upload(own: OwnName, url: string, way: UploadWay, { bytes, sha256 }: Sent): Promise<Ending> {
    const { name } = own
    const kind = way.kind === 'replace' ? 'replace' : 'upload'
    const end = this.history.begin({ name, kind, sha256, sizeBytes: bytes.length })
    const answer = await way.send(this.#client, url, name, bytes)
    const { status } = answer
    const outcome = uploadOutcomeOf(answer)
    end({ outcome, status })
    if (outcome === 'acked' || status === 409 || status === 412) own.isThere = true
    if (outcome !== 'refused') own.sizeBytes = bytes.length
    return { outcome, status }
  }

  /** Sends a file that gets a link. @returns null for the link where no answer told it */
  async #share(label: string, way: UploadWay, random: Random): Promise<{ link: OwnName | null; ending: Ending }> {
    const { bytes, sha256 } = this.#makeFile(label, random)
    const sizeBytes = bytes.length
    const end = this.history.begin({ name: label, kind: 'upload', sha256, sizeBytes })
    const answer = await way.send(this.#client, random.pick(this.#options.urls), label, bytes)
    const { status, location: name } = answer
    const ending = { outcome: uploadOutcomeOf(answer), status }
    if (ending.outcome !== 'acked' || name === undefined) {
      end(ending)
      if (ending.outcome === 'acked') this.violations.push(`${label}: a share was acknowledged without its link`)
      return { link: null, ending }
    }
    end({ ...ending, name })
    this.#sent.set(name, new Set([sha256]))
    return { link: { ...newName(name), isLink: true, isThere: true, sizeBytes }, ending }
  }

  async #download(own: OwnName, url: string, random: Random): Promise<Ending> {
    const { name } = own
    const range = this.#chooseRange(own, random)
    const headers = range === null ? {} : { range: `bytes=${range.start}-${range.end - 1}` }
    const end = this.history.begin({ name, kind: 'download', sha256: null, sizeBytes: 0 })
    const answer = await this.#client.download(url, name, headers)
    const { status } = answer
    const outcome = outcomeOf(answer)
    const isRead = status === 200 || status === 206
    if (status === 200) this.#verify(name, answer)
    if (status === 206) this.#verifyRange(name, range, answer)
    // A part of a file tells all of it by its ETag.
    end(isRead ? { outcome, status, sha256: answer.etag, sizeBytes: answer.sizeBytes } : { outcome, status })
    if (isRead || status === 404) own.isThere = isRead
    return { outcome, status }
  }

  #chooseRange({ sizeBytes }: OwnName, random: Random): Range | null {
    if (this.#storageClass === 'single' || sizeBytes === 0 || !random.isTrue(RANGES_SHARE)) return null
    const start = random.integer(0, sizeBytes - 1)
    return { start, end: random.integer(start + 1, sizeBytes) }
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
  #makeFile(name: string, random: Random): Sent {
    const { maxBytes = MAX_BYTES[this.#storageClass] } = this.#options
    const sizeBytes = chooseSize(random, maxBytes)
    const offset = random.integer(0, POOL_BYTES - sizeBytes)
    const content = { offset, sizeBytes, number: this.#uploadCount++ }
    const bytes = this.#bytesOf(content)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    this.#contents.set(sha256, content)
    this.#sent.set(name, (this.#sent.get(name) ?? new Set()).add(sha256))
    return { bytes, sha256 }
  }

  #bytesOf({ offset, sizeBytes, number }: Content): Buffer {
    const bytes = Buffer.from(this.#pool.subarray(offset, offset + sizeBytes))
    if (sizeBytes >= 8) bytes.writeBigUInt64LE(BigInt(number))
    return bytes
  }

  #verify(name: string, { sha256, sizeBytes, etag }: LightAnswer): void {
    if (!this.#sent.get(name)?.has(sha256))
      this.violations.push(`${name}: a download ended with ${sizeBytes} bytes that nobody sent`)
    if (etag !== sha256) this.violations.push(`${name}: a download ended with other bytes than its ETag says`)
  }

  #verifyRange(name: string, range: Range | null, { sha256, etag }: LightAnswer): void {
    const content = this.#contents.get(etag)
    if (range === null || content === undefined || !this.#sent.get(name)?.has(etag)) {
      this.violations.push(`${name}: a range was answered of a file that nobody sent`)
      return
    }
    const wanted = this.#bytesOf(content).subarray(range.start, range.end)
    if (createHash('sha256').update(wanted).digest('hex') !== sha256)
      this.violations.push(`${name}: bytes ${range.start} to ${range.end} are other ones than were sent`)
  }
}

function newName(name: string): OwnName {
  return { name, isLink: false, sizeBytes: 0, isThere: false, operationCount: 0, doubtCount: 0 }
}

function isReplacing({ kind }: UploadWay): boolean {
  return kind === 'replace'
}

function uploadOutcomeOf({ status, isUnsent }: LightAnswer): Outcome {
  if (status === 201 || status === 200) return 'acked'
  // A 5xx other than "all full" leaves open whether the upload was carried out.
  return (status >= 400 && status < 500) || status === 507 || isUnsent === true ? 'refused' : 'indeterminate'
}

/** @returns how a download or a delete ended */
function outcomeOf({ status, isUnsent }: LightAnswer): Outcome {
  if (status === 200 || status === 206) return 'acked'
  return status === 404 || isUnsent === true ? 'refused' : 'indeterminate'
}
