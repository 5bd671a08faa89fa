import { createHash } from 'node:crypto'

/** A job is told what to do by these, which are small: the bytes and the truth stand elsewhere. */
export type JobData = Readonly<Record<string, string | number | boolean | null>>

export interface JobOrder {
  /** A job is done by the function that `work` was given for its kind. */
  readonly kind: string
  /** Of one kind there is at most one job of a key, whether it waits, runs or has failed. */
  readonly key: string
  readonly data: JobData
  /** It does not begin before so long. */
  readonly delayMs?: number
  /** When it is done it is kept for a day, to be seen. */
  readonly isKept?: boolean
  /** One of its key that ran out of attempts at least so long ago begins anew. One that was refused does not. */
  readonly retryAfterMs?: number
}

export interface Job extends Pick<JobOrder, 'kind' | 'key' | 'data'> {
  readonly id: string
  /** This attempt is under way, counted from 1. */
  readonly attempt: number
  /** Tells whether the job has failed for good if this attempt fails. */
  readonly isLast: boolean
  /** An earlier attempt told this last. */
  readonly told: JobData | null
  /** Tells how it goes, to be seen. It never fails, and has the signal fire where the job was removed. */
  tell(progress: JobData): Promise<void>
}

/** A job that throws this has failed for good: another attempt would end alike. */
export class JobRefusal extends Error {}

/**
 * Does a job. What it throws is noted, and the job is tried again later; the signal fires when somebody else has the job, or
 * nobody is to do it.
 */
export type JobHandler = (job: Job, signal: AbortSignal) => Promise<void>

export interface JobView {
  readonly id: string
  readonly kind: string
  readonly key: string
  readonly state: 'waiting' | 'delayed' | 'running' | 'failed' | 'done'
  readonly attempts: number
  readonly createdAt: Date
  /** Says what the last failure was, if there was one. */
  readonly error: string | null
  /** This was told of it last. */
  readonly progress: JobData | null
}

/**
 * Has things done later, at least once. A job that fails is tried again after longer and longer pauses; one that has failed
 * for good stays, to be seen and retried. A job whose process is killed goes to another when its lease has run out.
 * A job is a hint: its need stands in a record, and a loop adds it again where a queue was lost.
 */
export interface Jobs {
  /** @returns whether it was added; not where the same job is there already. @throws DATABASE_UNAVAILABLE */
  add(order: JobOrder): Promise<boolean>
  /**
   * Does the jobs of a kind from then on, so many at once. It is called once for a kind, by every process that lists them.
   * @param turn is waited for before the first of them begins
   */
  work(kind: string, handler: JobHandler, atOnce: number, turn?: Promise<unknown>): void
  /** @returns the jobs there are, those that failed first. @throws DATABASE_UNAVAILABLE */
  list(limit: number): Promise<JobView[]>
  /** @throws DATABASE_UNAVAILABLE */
  find(id: string): Promise<JobView | null>
  /** Lets a job that has failed begin anew. @returns whether there is such a job. @throws DATABASE_UNAVAILABLE */
  retry(id: string): Promise<boolean>
  /**
   * Takes a job away. One that runs is ended when it tells how it goes. @returns whether there was such a job. @throws
   * DATABASE_UNAVAILABLE
   */
  remove(id: string): Promise<boolean>
  /** Begins nothing more, and ends what is under way: another process does it again. */
  close(): Promise<void>
}

export interface JobTiming {
  /** A job is tried so often. */
  readonly attempts: number
  /** This is the pause after the first failure; each further one is twice as long. */
  readonly backOffMs: number
  /** A job whose process was killed goes to another after so long. */
  readonly leaseMs: number
  /** A manager looks so often for jobs that others added. */
  readonly pollMs: number
}

export const jobTiming: JobTiming = { attempts: 5, backOffMs: 5_000, leaseMs: 60_000, pollMs: 2_000 }

/** A job failed for good because each process that had it was killed. */
export const ENDED_EACH_TIME = 'its process ended over it each time'

/** Failed jobs are kept for so long. */
export const KEPT_FAILED_MS = 30 * 24 * 3_600_000
/** Jobs that are done and kept are kept for so long. */
export const KEPT_DONE_MS = 24 * 3_600_000
const MAX_ERROR_LENGTH = 600

/** A job's id follows from kind and key, so that there cannot be two of them. */
export function jobId({ kind, key }: Pick<JobOrder, 'kind' | 'key'>): string {
  return `${kind}-${createHash('sha256').update(key).digest('hex').slice(0, 24)}`
}

export function errorText(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  const text = error instanceof Error && error.name !== 'Error' ? `${error.name}: ${message}` : message
  return text.slice(0, MAX_ERROR_LENGTH)
}
