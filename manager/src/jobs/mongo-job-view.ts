import type { mongo } from 'mongoose'
import type { JobData, JobView } from './jobs.ts'

export interface JobDocument {
  readonly _id: string
  readonly kind: string
  readonly key: string
  readonly data: JobData
  readonly attempts: number
  readonly createdAt: Date
  /** A job that waits begins then, and one that runs is given up then. One that has failed has none. */
  readonly dueAt?: Date
  /** Whoever does the job has this lease on it. */
  readonly lease?: string
  readonly failedAt?: Date
  /** Another attempt would have ended alike. */
  readonly isRefused?: boolean
  readonly doneAt?: Date
  readonly isKept?: boolean
  readonly error?: string
  readonly progress?: JobData
}

/** @returns what matches jobs that failed before, and not because they were refused */
export function failedBefore(now: number, retryAfterMs: number | undefined): mongo.Filter<JobDocument>[] {
  if (retryAfterMs === undefined) return []
  return [{ failedAt: { $lte: new Date(now - retryAfterMs) }, isRefused: { $exists: false } }]
}

export function viewOf(job: JobDocument, now: number): JobView {
  const { _id, kind, key, attempts, createdAt, error = null, progress = null } = job
  return { id: _id, kind, key, state: stateOf(job, now), attempts, createdAt, error, progress }
}

function stateOf({ failedAt, doneAt, lease, dueAt }: JobDocument, now: number): JobView['state'] {
  if (doneAt !== undefined) return 'done'
  if (failedAt !== undefined) return 'failed'
  if (lease !== undefined) return 'running'
  return dueAt !== undefined && dueAt.getTime() > now ? 'delayed' : 'waiting'
}
