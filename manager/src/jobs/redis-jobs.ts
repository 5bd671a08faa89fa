import { StoreError } from '@holdfast/shared/errors/store-error'
import type { Logger } from '@holdfast/shared/node/logger'
import { type Job as BullJob, DelayedError, Queue, Worker } from 'bullmq'
import { Redis, type RedisOptions } from 'ioredis'
import {
  type Job,
  type JobData,
  type JobHandler,
  type JobOrder,
  type Jobs,
  type JobTiming,
  type JobView,
  jobId,
  jobTiming,
  KEPT_FAILED_MS,
} from './jobs.ts'

const MAX_FAILED = 10_000
/** Nobody waits longer for Redis. */
const ASK_DEADLINE_MS = 2_000
const CLOSE_DEADLINE_MS = 5_000

interface Kept {
  readonly key: string
  readonly data: JobData
}

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

  /** @param cluster keeps the jobs of several clusters on one Redis apart */
  constructor(url: string, cluster: string, log: Logger, timing = jobTiming) {
    this.#url = url
    this.#prefix = `holdfast-${cluster}`
    this.#log = log
    this.#timing = timing
    this.#connection = this.#connect({
      commandTimeout: ASK_DEADLINE_MS,
      maxRetriesPerRequest: 1,
    })
  }

  async add({ kind, key, data, delayMs = 0 }: JobOrder): Promise<boolean> {
    const queue = this.#queueOf(kind)
    const id = jobId({ kind, key })
    return this.#ask(async () => {
      // BullMQ does not tell whether a job of this id was there, and makes no second one.
      if ((await queue.getJob(id)) !== undefined) return false
      await queue.add(kind, { key, data }, { jobId: id, delay: delayMs })
      return true
    })
  }

  work(kind: string, handler: JobHandler, atOnce: number): void {
    const { leaseMs, attempts } = this.#timing
    const stop = new AbortController()
    this.#queueOf(kind)
    const connection = this.#connect({ maxRetriesPerRequest: null })
    const worker = new Worker<Kept>(
      kind,
      async (job: BullJob<Kept>, token?: string, cancelled?: AbortSignal) => {
        const { key, data } = job.data
        const signal = cancelled === undefined ? stop.signal : AbortSignal.any([stop.signal, cancelled])
        const told: Job = { id: job.id ?? '', kind, key, data, attempt: job.attemptsMade + 1 }
        try {
          await handler(told, signal)
        } catch (error) {
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
    worker.on('error', (error) => this.#log.debug({ kind, err: error }, 'a worker of jobs'))
    worker.on('failed', (job, error) => {
      const isLast = (job?.attemptsMade ?? 0) >= attempts
      this.#log[isLast ? 'warn' : 'debug'](
        { jobId: job?.id, kind, attempt: job?.attemptsMade, err: error },
        'a job failed',
      )
    })
    this.#working.push({ worker, stop })
  }

  async list(limit: number): Promise<JobView[]> {
    return this.#ask(async () => {
      const states = ['failed', 'active', 'waiting', 'delayed'] as const
      const shown = { failed: 'failed', active: 'running', waiting: 'waiting', delayed: 'delayed' } as const
      const views: JobView[] = []
      for (const state of states) {
        for (const [kind, queue] of this.#queues) {
          const jobs = views.length < limit ? await queue.getJobs([state], 0, limit - views.length - 1) : []
          for (const job of jobs) {
            views.push({
              id: job.id ?? '',
              kind,
              key: job.data.key,
              state: shown[state],
              attempts: job.attemptsMade,
              createdAt: new Date(job.timestamp),
              error: job.failedReason ?? null,
            })
          }
        }
      }
      return views
    })
  }

  async retry(id: string): Promise<boolean> {
    return this.#ask(async () => {
      for (const queue of this.#queues.values()) {
        const job = await queue.getJob(id)
        if (job === undefined || !(await job.isFailed())) continue
        await job.retry('failed', { resetAttemptsMade: true })
        return true
      }
      return false
    })
  }

  async close(): Promise<void> {
    for (const { stop } of this.#working) stop.abort()
    const workers = this.#working.map(({ worker }) => worker.close())
    const queues = async () => Promise.all([...this.#queues.values()].map((queue) => queue.close()))
    // A Redis that is away keeps nobody from ending.
    await withDeadline(Promise.all(workers).then(queues), CLOSE_DEADLINE_MS).catch(() => undefined)
    for (const connection of this.#connections) connection.disconnect()
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
        removeOnFail: { age: KEPT_FAILED_MS / 1000, count: MAX_FAILED },
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
      return await withDeadline(question(), ASK_DEADLINE_MS)
    } catch (cause) {
      throw new StoreError('DATABASE_UNAVAILABLE', 'Redis, which keeps the jobs, does not answer', { cause })
    }
  }
}

/** @throws where it takes longer */
async function withDeadline<Answer>(work: Promise<Answer>, ms: number): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([work, deadline])
  } finally {
    clearTimeout(timer)
  }
}
