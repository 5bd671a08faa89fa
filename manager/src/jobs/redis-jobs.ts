import { StoreError } from '@holdfast/shared/errors/store-error'
import type { Logger } from '@holdfast/shared/node/logger'
import { type Job as BullJob, DelayedError, Queue, UnrecoverableError, Worker } from 'bullmq'
import { Redis, type RedisOptions } from 'ioredis'
import { withDeadline } from '../with-deadline.ts'
import {
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
import { isOver, type Kept, toldOf, viewOf } from './redis-job-view.ts'

const MAX_KEPT = 10_000
/** Nobody waits longer for Redis. */
const ASK_DEADLINE_MS = 2_000
const CLOSE_DEADLINE_MS = 5_000
const noAnswer = (): Error => new Error('no answer in time')

interface Working {
  readonly worker: Worker<Kept>
  readonly stop: AbortController
}

/** Keeps jobs in Redis, by BullMQ: a queue for each kind. */
export class RedisJobs implements Jobs {
  readonly #connections: Redis[] = []
  readonly #connection: Redis
  readonly #url: string
  readonly #prefix: string
  readonly #log: Logger
  readonly #timing: JobTiming
  readonly #queues = new Map<string, Queue<Kept>>()
  readonly #working: Working[] = []
  #isClosed = false

  /** @param cluster keeps the jobs of several clusters on one Redis apart */
  constructor(url: string, cluster: string, log: Logger, timing = jobTiming) {
    this.#url = url
    this.#prefix = `holdfast-${cluster}`
    this.#log = log
    this.#timing = timing
    this.#connection = this.#connect({ commandTimeout: ASK_DEADLINE_MS, maxRetriesPerRequest: 1 })
  }

  async add({ kind, key, data, delayMs = 0, isKept = false, retryAfterMs }: JobOrder): Promise<boolean> {
    const queue = this.#queueOf(kind)
    const id = jobId({ kind, key })
    return this.#ask(async () => {
      // BullMQ does not tell whether a job of this id was there, and makes no second one.
      const other = await queue.getJob(id)
      if (other !== undefined && !(await isOver(other, this.#timing.attempts, retryAfterMs))) return false
      await other?.remove()
      const removeOnComplete = isKept ? { age: KEPT_DONE_MS / 1000, count: MAX_KEPT } : true
      await queue.add(kind, { key, data }, { jobId: id, delay: delayMs, removeOnComplete })
      return true
    })
  }

  work(kind: string, handler: JobHandler, atOnce: number, turn?: Promise<unknown>): void {
    this.#queueOf(kind)
    const begin = (): void => {
      if (!this.#isClosed) this.#work(kind, handler, atOnce)
    }
    if (turn === undefined) begin()
    else turn.then(begin, () => undefined)
  }

  #work(kind: string, handler: JobHandler, atOnce: number): void {
    const { leaseMs, attempts } = this.#timing
    const stop = new AbortController()
    const connection = this.#connect({ maxRetriesPerRequest: null })
    const worker = new Worker<Kept>(
      kind,
      async (job: BullJob<Kept>, token?: string, cancelled?: AbortSignal) => {
        const { key, data, isRemoved } = job.data
        if (isRemoved) return
        const removed = new AbortController()
        const signals = [stop.signal, removed.signal, ...(cancelled === undefined ? [] : [cancelled])]
        const tell = (progress: JobData) => this.#tell(job, progress, removed)
        const attempt = job.attemptsMade + 1
        try {
          await handler(
            { id: job.id ?? '', kind, key, data, attempt, isLast: attempt >= attempts, told: toldOf(job), tell },
            AbortSignal.any(signals),
          )
        } catch (error) {
          if (removed.signal.aborted) return
          if (error instanceof JobRefusal) {
            await job.updateData({ ...job.data, isRefused: true })
            throw new UnrecoverableError(error.message)
          }
          if (!stop.signal.aborted) throw error
          // A job that was broken off has not failed, and is due at once.
          await job.moveToDelayed(Date.now(), token)
          throw new DelayedError()
        }
      },
      {
        connection,
        prefix: this.#prefix,
        concurrency: atOnce,
        lockDuration: leaseMs,
        stalledInterval: leaseMs / 2,
        maxStalledCount: attempts,
      },
    )
    worker.on('error', (error) => this.#log.debug({ kind, err: error }, 'the queue of a kind of jobs has trouble'))
    worker.on('completed', (job) => {
      if (job.data.isRemoved) job.remove().catch(() => undefined)
    })
    worker.on('failed', (job, error) => {
      const isLast = (job?.attemptsMade ?? 0) >= attempts || error instanceof UnrecoverableError
      this.#log[isLast ? 'warn' : 'debug'](
        { jobId: job?.id, kind, attempt: job?.attemptsMade, err: error },
        'a job failed',
      )
    })
    this.#working.push({ worker, stop })
  }

  async list(limit: number): Promise<JobView[]> {
    return this.#ask(async () => {
      const views: JobView[] = []
      for (const state of ['failed', 'active', 'waiting', 'delayed', 'completed'] as const) {
        for (const [kind, queue] of this.#queues) {
          const jobs = views.length < limit ? await queue.getJobs([state], 0, limit - views.length - 1) : []
          for (const job of jobs) views.push(viewOf(kind, job, state))
        }
      }
      return views
    })
  }

  async find(id: string): Promise<JobView | null> {
    return this.#ask(async () => {
      const found = await this.#lookUp(id)
      return found && viewOf(found.kind, found.job, await found.job.getState())
    })
  }

  async retry(id: string): Promise<boolean> {
    return this.#ask(async () => {
      const job = (await this.#lookUp(id))?.job
      if (job === undefined || !(await job.isFailed())) return false
      await job.updateData({ ...job.data, isRefused: false })
      await job.retry('failed', { resetAttemptsMade: true })
      return true
    })
  }

  async remove(id: string): Promise<boolean> {
    return this.#ask(async () => {
      const job = (await this.#lookUp(id))?.job
      // BullMQ removes no job that a worker has, so that one is told.
      if (job !== undefined && (await job.isActive())) await job.updateData({ ...job.data, isRemoved: true })
      else await job?.remove()
      return job !== undefined
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const { stop } of this.#working) stop.abort()
    const workers = this.#working.map(({ worker }) => worker.close())
    const queues = async () => Promise.all([...this.#queues.values()].map((queue) => queue.close()))
    // A Redis that is away keeps nobody from ending.
    await withDeadline(Promise.all(workers).then(queues), CLOSE_DEADLINE_MS, noAnswer).catch(() => undefined)
    for (const connection of this.#connections) connection.disconnect()
  }

  async #tell(job: BullJob<Kept>, progress: JobData, removed: AbortController): Promise<void> {
    try {
      await this.#ask(async () => {
        await job.updateProgress(progress)
        const { data } = (await this.#queueOf(job.name).getJob(job.id ?? '')) ?? job
        if (!data.isRemoved) return
        job.data = data
        removed.abort()
      })
    } catch (error) {
      this.#log.debug({ jobId: job.id, err: error }, 'nothing was written of a job')
    }
  }

  async #lookUp(id: string): Promise<{ readonly kind: string; readonly job: BullJob<Kept> } | null> {
    for (const [kind, queue] of this.#queues) {
      const job = await queue.getJob(id)
      if (job !== undefined) return { kind, job }
    }
    return null
  }

  #queueOf(kind: string): Queue<Kept> {
    const known = this.#queues.get(kind)
    if (known !== undefined) return known
    const { attempts, backOffMs } = this.#timing
    const queue = new Queue<Kept>(kind, {
      connection: this.#connection,
      prefix: this.#prefix,
      defaultJobOptions: {
        attempts,
        backoff: { type: 'exponential', delay: backOffMs },
        removeOnComplete: true,
        removeOnFail: { age: KEPT_FAILED_MS / 1000, count: MAX_KEPT },
      },
    })
    queue.on('error', (error) => this.#log.debug({ kind, err: error }, 'a queue of jobs'))
    this.#queues.set(kind, queue)
    return queue
  }

  #connect(options: Pick<RedisOptions, 'maxRetriesPerRequest' | 'commandTimeout'>): Redis {
    const connection = new Redis(this.#url, { retryStrategy: (tries) => Math.min(tries * 200, 2_000), ...options })
    connection.on('error', (error) => this.#log.debug({ err: error }, 'redis'))
    this.#connections.push(connection)
    return connection
  }

  /** BullMQ itself waits for a Redis that is away, however long that takes. */
  async #ask<Answer>(question: () => Promise<Answer>): Promise<Answer> {
    try {
      return await withDeadline(question(), ASK_DEADLINE_MS, noAnswer)
    } catch (cause) {
      throw new StoreError('DATABASE_UNAVAILABLE', 'Redis, which keeps the jobs, does not answer', { cause })
    }
  }
}
