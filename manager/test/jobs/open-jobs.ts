import { createLogger } from '@holdfast/shared/node/logger'
import type { Jobs, JobTiming } from '../../src/jobs/jobs.ts'
import { MongoJobs } from '../../src/jobs/mongo-jobs.ts'
import { RedisJobs } from '../../src/jobs/redis-jobs.ts'
import { connectDatabase } from '../../src/mongo/database.ts'

/** With this no test waits for long, and no lease runs out because the machine is slow. */
export const quickTiming: JobTiming = { attempts: 3, backOffMs: 100, leaseMs: 30_000, pollMs: 50 }
/** Is for tests in which a lease runs out, or must not. */
export const shortLease: JobTiming = { ...quickTiming, leaseMs: 4_000 }

const log = createLogger('test', 'silent')

/** @param url of MongoDB or Redis. @param cluster keeps the tests of one Redis apart */
export async function openJobs(url: string, cluster: string, timing: JobTiming): Promise<Jobs> {
  if (url.startsWith('redis:')) return new RedisJobs(url, cluster, log, timing)
  const database = await connectDatabase(url, log, new AbortController().signal)
  const jobs = await MongoJobs.open(database, log, timing)
  return {
    add: (order) => jobs.add(order),
    work: (kind, handler, atOnce, turn) => jobs.work(kind, handler, atOnce, turn),
    list: (limit) => jobs.list(limit),
    find: (id) => jobs.find(id),
    retry: (id) => jobs.retry(id),
    remove: (id) => jobs.remove(id),
    async close() {
      await jobs.close()
      await database.close()
    },
  }
}
