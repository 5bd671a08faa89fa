import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { startRedis } from '@holdfast/launcher/redis/start-redis'
import type { Jobs } from '@holdfast/manager/jobs/jobs'
import { MongoJobs } from '@holdfast/manager/jobs/mongo-jobs'
import { RedisJobs } from '@holdfast/manager/jobs/redis-jobs'
import { connectDatabase } from '@holdfast/manager/mongo/database'
import { createLogger } from '@holdfast/shared/node/logger'
import type { Plan } from '../plan.ts'
import { startHoldfast } from '../processes/start-holdfast.ts'
import type { QueueRates } from '../result.ts'

/** Gives a connection of its own to one queue, which it closes with the jobs. */
type OpenJobs = () => Promise<{ readonly jobs: Jobs; readonly close: () => Promise<void> }>

const KIND = 'nothing'
const ADDED_AT_ONCE = 32
const DONE_LIMIT_MS = 600_000
const log = createLogger('bench', 'silent')

/** Measures how many jobs a second are added and done, in MongoDB and, where there is one, in Redis. */
export async function measureJobs(
  directory: string,
  plan: Plan,
  report: (line: string) => void,
): Promise<QueueRates[]> {
  report('starting one for its MongoDB, and a Redis')
  await using holdfast = await startHoldfast(join(directory, 'jobs'), 1)
  const redis = await startRedis()
  if (typeof redis === 'string') report(redis)
  try {
    const queues: Record<string, OpenJobs> = {
      MongoDB: mongoOpener(holdfast.mongoUrl),
      ...(typeof redis !== 'string' && { Redis: redisOpener(redis.url) }),
    }
    const rates: QueueRates[] = []
    for (const [queue, open] of Object.entries(queues)) {
      for (const workerCount of plan.workerCounts) {
        report(`jobs in ${queue}, ${workerCount} ${workerCount === 1 ? 'worker' : 'workers'}`)
        rates.push({ queue, workerCount, jobCount: plan.jobCount, ...(await measureQueue(open, workerCount, plan)) })
      }
    }
    return rates
  } finally {
    if (typeof redis !== 'string') await redis.stop()
  }
}

/** The database has jobs of nobody else, for the manager has another one. */
function mongoOpener(mongoUrl: string): OpenJobs {
  const url = new URL(mongoUrl)
  url.pathname = `/bench-jobs-${randomBytes(4).toString('hex')}`
  return async () => {
    const database = await connectDatabase(url.href, log, AbortSignal.timeout(DONE_LIMIT_MS))
    const jobs = await MongoJobs.open(database, log)
    return { jobs, close: async () => jobs.close().finally(() => database.close()) }
  }
}

function redisOpener(url: string): OpenJobs {
  const cluster = randomBytes(4).toString('hex')
  return async () => {
    const jobs = new RedisJobs(url, cluster, log)
    return { jobs, close: () => jobs.close() }
  }
}

async function measureQueue(
  open: OpenJobs,
  workerCount: number,
  { jobCount, rounds }: Plan,
): Promise<Pick<QueueRates, 'addRates' | 'doneRates'>> {
  const addRates: number[] = []
  const doneRates: number[] = []
  // The first round is not measured: what it takes is compiled.
  for (let round = 0; round <= rounds; round++) {
    const { added, done } = await measureRound(open, workerCount, jobCount)
    if (round === 0) continue
    addRates.push(jobCount / added)
    doneRates.push(jobCount / done)
  }
  return { addRates, doneRates }
}

/** @returns the seconds that it took to add all jobs, and to do them */
async function measureRound(open: OpenJobs, workerCount: number, jobCount: number) {
  const opened = await Promise.all(Array.from({ length: workerCount }, open))
  const [first] = opened
  if (first === undefined) throw new Error('there are no workers')
  try {
    const begunAt = performance.now()
    let next = 0
    const addSome = async (): Promise<void> => {
      for (let key = next++; key < jobCount; key = next++)
        await first.jobs.add({ kind: KIND, key: `${key}`, data: { key } })
    }
    await Promise.all(Array.from({ length: ADDED_AT_ONCE }, addSome))
    const addedAt = performance.now()
    await allDone(opened, jobCount)
    return { added: (addedAt - begunAt) / 1000, done: (performance.now() - addedAt) / 1000 }
  } finally {
    await Promise.all(opened.map(({ close }) => close()))
  }
}

async function allDone(opened: readonly { readonly jobs: Jobs }[], jobCount: number): Promise<void> {
  const done = new Set<string>()
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${done.size} of ${jobCount} jobs are done`)), DONE_LIMIT_MS)
    const handle = async ({ key }: { readonly key: string }): Promise<void> => {
      done.add(key)
      if (done.size < jobCount) return
      clearTimeout(timer)
      resolve()
    }
    for (const { jobs } of opened) jobs.work(KIND, handle, 1)
  })
}
