import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { FollowingAbort } from '@holdfast/shared/following-abort'
import type { Logger } from '@holdfast/shared/node/logger'
import type { mongo } from 'mongoose'
import { askDatabase, codeOf, type Database, DUPLICATE_KEY, DURABLE } from '../mongo/database.ts'
import {
  ENDED_EACH_TIME,
  errorText,
  type Job,
  type JobData,
  type JobHandler,
  type JobOrder,
  JobRefusal,
  type Jobs,
  type JobTiming,
  type JobView,
  jobId,
  jobTiming,
  KEPT_DONE_MS,
  KEPT_FAILED_MS,
} from './jobs.ts'
import { failedBefore, type JobDocument, viewOf } from './mongo-job-view.ts'

/** Leases are renewed so often in their time. */
const RENEWALS = 3
const TELL_NOBODY = (): void => undefined

interface Claimed extends Job {
  readonly lease: string
  readonly isKept: boolean
}

/** Keeps jobs in MongoDB, where nothing more has to be installed. Clocks of managers that differ cost time, and nothing else. */
export class MongoJobs implements Jobs {
  readonly #collection: mongo.Collection<JobDocument>
  readonly #log: Logger
  readonly #timing: JobTiming
  readonly #stop = new AbortController()
  readonly #loops: Promise<void>[] = []
  readonly #wakes = new Map<string, () => void>()

  private constructor(collection: mongo.Collection<JobDocument>, log: Logger, timing: JobTiming) {
    this.#collection = collection
    this.#log = log
    this.#timing = timing
  }

  static async open({ connection }: Pick<Database, 'connection'>, log: Logger, timing = jobTiming): Promise<MongoJobs> {
    const collection = (connection.db as mongo.Db).collection<JobDocument>('jobs')
    await collection.createIndex({ kind: 1, dueAt: 1 }, { name: 'due' })
    await collection.createIndex({ failedAt: 1 }, { name: 'failed', expireAfterSeconds: KEPT_FAILED_MS / 1000 })
    await collection.createIndex({ doneAt: 1 }, { name: 'done', expireAfterSeconds: KEPT_DONE_MS / 1000 })
    return new MongoJobs(collection, log, timing)
  }

  async add({ kind, key, data, delayMs = 0, isKept = false, retryAfterMs }: JobOrder): Promise<boolean> {
    const now = Date.now()
    const dueAt = new Date(now + delayMs)
    const job = { _id: jobId({ kind, key }), kind, key, data, isKept, attempts: 0, createdAt: new Date(now), dueAt }
    try {
      await askDatabase(() => this.#collection.insertOne(job, DURABLE))
    } catch (error) {
      if (codeOf(error) !== DUPLICATE_KEY) throw error
      const over = { _id: job._id, $or: [{ doneAt: { $exists: true } }, ...failedBefore(now, retryAfterMs)] }
      if ((await askDatabase(() => this.#collection.findOneAndReplace(over, job, DURABLE))) === null) return false
    }
    this.#wakes.get(kind)?.()
    return true
  }

  work(kind: string, handler: JobHandler, atOnce: number, turn?: Promise<unknown>): void {
    const begin = (): void => {
      if (!this.#stop.signal.aborted) this.#loops.push(this.#workOn(kind, handler, atOnce))
    }
    if (turn === undefined) begin()
    else turn.then(begin, TELL_NOBODY)
  }

  async list(limit: number): Promise<JobView[]> {
    const now = Date.now()
    const find = () => this.#collection.find({}).sort({ failedAt: -1, doneAt: 1, _id: 1 }).limit(limit).toArray()
    return (await askDatabase(find)).map((job) => viewOf(job, now))
  }

  async find(id: string): Promise<JobView | null> {
    const job = await askDatabase(() => this.#collection.findOne({ _id: id }))
    return job && viewOf(job, Date.now())
  }

  async retry(id: string): Promise<boolean> {
    const anew = { $set: { attempts: 0, dueAt: new Date() }, $unset: { failedAt: true, isRefused: true } as const }
    const failed = { _id: id, failedAt: { $exists: true } }
    const job = await askDatabase(() => this.#collection.findOneAndUpdate(failed, anew, DURABLE))
    if (job === null) return false
    this.#wakes.get(job.kind)?.()
    return true
  }

  async remove(id: string): Promise<boolean> {
    return (await askDatabase(() => this.#collection.deleteOne({ _id: id }, DURABLE))).deletedCount > 0
  }

  async close(): Promise<void> {
    this.#stop.abort()
    for (const wake of this.#wakes.values()) wake()
    await Promise.all(this.#loops)
  }

  async #workOn(kind: string, handler: JobHandler, atOnce: number): Promise<void> {
    const running = new Set<Promise<void>>()
    while (!this.#stop.signal.aborted) {
      const woken = new Promise<void>((resolve) => this.#wakes.set(kind, resolve))
      const job = running.size < atOnce ? await this.#claim(kind) : null
      if (job !== null) {
        const work = this.#do(job, handler)
        running.add(work)
        void work.finally(() => {
          running.delete(work)
          this.#wakes.get(kind)?.()
        })
        continue
      }
      const rest = new AbortController()
      const pause = delay(this.#timing.pollMs, undefined, { signal: rest.signal }).catch(TELL_NOBODY)
      // Where all hands are full only an end of one of them makes a difference.
      await (running.size < atOnce ? Promise.race([woken, pause]) : woken)
      rest.abort()
    }
    await Promise.all(running)
  }

  /** Takes the job that has been due the longest: one that waits, or one whose lease has run out. */
  async #claim(kind: string): Promise<Omit<Claimed, 'tell'> | null> {
    const now = Date.now()
    const lease = randomBytes(8).toString('hex')
    const take = () =>
      this.#collection.findOneAndUpdate(
        { kind, dueAt: { $lte: new Date(now) } },
        { $set: { lease, dueAt: new Date(now + this.#timing.leaseMs) }, $inc: { attempts: 1 } },
        { sort: { dueAt: 1 }, returnDocument: 'after', ...DURABLE },
      )
    try {
      const job = await askDatabase(take)
      if (job === null) return null
      const claimed = {
        ...job,
        id: job._id,
        attempt: job.attempts,
        isLast: job.attempts >= this.#timing.attempts,
        lease,
        isKept: job.isKept === true,
        told: job.progress ?? null,
      }
      if (job.attempts <= this.#timing.attempts) return claimed
      await this.#noteFailure(claimed, new JobRefusal(ENDED_EACH_TIME))
      return null
    } catch (error) {
      this.#log.debug({ kind, err: error }, 'no job taken')
      return null
    }
  }

  async #do(claimed: Omit<Claimed, 'tell'>, handler: JobHandler): Promise<void> {
    using lost = new FollowingAbort(this.#stop.signal)
    const tell = (progress: JobData) => this.#write(job, { progress }, lost)
    const job: Claimed = { ...claimed, tell }
    const renewal = setInterval(() => void this.#renew(job, lost), this.#timing.leaseMs / RENEWALS)
    try {
      await handler(job, lost.signal)
      await this.#noteDone(job)
    } catch (error) {
      // A job that was broken off has not failed, and is due at once.
      const note = this.#stop.signal.aborted ? this.#giveBack(job) : this.#noteFailure(job, error)
      await note.catch((cause: unknown) => this.#log.debug({ jobId: job.id, err: cause }, 'a job waits for its lease'))
    } finally {
      clearInterval(renewal)
    }
  }

  #renew(job: Claimed, lost: FollowingAbort): Promise<void> {
    return this.#write(job, { dueAt: new Date(Date.now() + this.#timing.leaseMs) }, lost)
  }

  /** Writes of a job that this process still has. */
  async #write({ id, lease }: Claimed, fields: Partial<JobDocument>, lost: FollowingAbort): Promise<void> {
    try {
      const write = () => this.#collection.updateOne({ _id: id, lease }, { $set: fields }, DURABLE)
      if ((await askDatabase(write)).matchedCount === 0) lost.abort()
    } catch (error) {
      this.#log.debug({ jobId: id, err: error }, 'nothing was written of a job')
    }
  }

  async #noteDone({ id, lease, isKept }: Claimed): Promise<void> {
    const own = { _id: id, lease }
    const done = { $set: { doneAt: new Date() }, $unset: { lease: true, dueAt: true, error: true } as const }
    await askDatabase<unknown>(() =>
      isKept ? this.#collection.updateOne(own, done, DURABLE) : this.#collection.deleteOne(own, DURABLE),
    )
  }

  async #giveBack({ id, lease }: Claimed): Promise<void> {
    const back = { $set: { dueAt: new Date() }, $inc: { attempts: -1 }, $unset: { lease: true as const } }
    await askDatabase(() => this.#collection.updateOne({ _id: id, lease }, back, DURABLE))
  }

  async #noteFailure(job: Omit<Claimed, 'tell'>, error: unknown): Promise<void> {
    const { id, kind, attempt, lease } = job
    const isRefused = error instanceof JobRefusal
    const isLast = job.isLast || isRefused
    const note = { error: errorText(error), ...(isRefused && { isRefused }) }
    const dueAt = new Date(Date.now() + this.#timing.backOffMs * 2 ** (attempt - 1))
    const update = isLast
      ? { $set: { ...note, failedAt: new Date() }, $unset: { lease: true as const, dueAt: true as const } }
      : { $set: { ...note, dueAt }, $unset: { lease: true as const } }
    this.#log[isLast ? 'warn' : 'debug']({ jobId: id, kind, attempt, err: error }, 'a job failed')
    await askDatabase(() => this.#collection.updateOne({ _id: id, lease }, update, DURABLE))
  }
}
