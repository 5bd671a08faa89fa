import type { Job as BullJob } from 'bullmq'
import { ENDED_EACH_TIME, type JobData, type JobView } from './jobs.ts'

/** BullMQ keeps this of a job for us. */
export interface Kept {
  readonly key: string
  readonly data: JobData
  /** It was removed while a manager did it, and that manager is to end it. */
  readonly isRemoved?: boolean
  /** Another attempt would have ended alike. */
  readonly isRefused?: boolean
}

/** BullMQ calls the states of a job by these names. */
const states: Readonly<Record<string, JobView['state']>> = {
  failed: 'failed',
  active: 'running',
  waiting: 'waiting',
  delayed: 'delayed',
  completed: 'done',
}

/** BullMQ says this of a job whose process was killed too often. */
const STALLED = 'job stalled more than allowable limit'

export function toldOf({ progress }: BullJob<Kept>): JobData | null {
  return typeof progress === 'object' ? (progress as JobData) : null
}

/** @returns whether the job is done, or ran out of attempts so long ago. One that its process ended over each time counts as refused. */
export async function isOver(job: BullJob<Kept>, attempts: number, retryAfterMs: number | undefined): Promise<boolean> {
  if (await job.isCompleted()) return true
  if (retryAfterMs === undefined || job.data.isRefused || job.failedReason === STALLED) return false
  if (job.attemptsMade < attempts) return false
  return (await job.isFailed()) && Date.now() - (job.finishedOn ?? Date.now()) >= retryAfterMs
}

function errorOf(failedReason: string | undefined): string | null {
  return failedReason === STALLED ? ENDED_EACH_TIME : (failedReason ?? null)
}

export function viewOf(kind: string, job: BullJob<Kept>, state: string): JobView {
  const { id = '', data, attemptsMade: attempts, timestamp, failedReason } = job
  return {
    ...{ id, kind, key: data.key, attempts, createdAt: new Date(timestamp), error: errorOf(failedReason) },
    state: states[state] ?? 'waiting',
    progress: toldOf(job),
  }
}
