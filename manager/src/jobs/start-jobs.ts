import type { ClusterId } from '@holdfast/shared/ids'
import type { Logger } from '@holdfast/shared/node/logger'
import type { StopStack } from '@holdfast/shared/node/stop-stack'
import type { Database } from '../mongo/database.ts'
import type { Jobs } from './jobs.ts'
import { MongoJobs } from './mongo-jobs.ts'

export interface StartJobsDeps {
  readonly database: Database
  readonly clusterId: ClusterId
  readonly log: Logger
  readonly stops: StopStack
}

/** Opens the queue of jobs: in Redis where there is one, and otherwise in the database. */
export async function startJobs(
  { database, clusterId, log, stops }: StartJobsDeps,
  { redisUrl }: { readonly redisUrl: string | null },
): Promise<Jobs> {
  const jobs =
    redisUrl === null
      ? await MongoJobs.open(database, log)
      : // BullMQ takes some 25 MiB, which a manager without Redis spares.
        new (await import('./redis-jobs.ts')).RedisJobs(redisUrl, clusterId, log)
  stops.add(() => jobs.close())
  return jobs
}
