import type { Job, JobData } from '../jobs/jobs.ts'

const TELL_EVERY_MS = 2_000

/** Tells how a job goes: at once, or with what else is to be told in a while. */
export class Telling {
  readonly #job: Pick<Job, 'tell'>
  readonly #timer: NodeJS.Timeout
  #told: JobData = {}
  #last: Promise<void> = Promise.resolve()

  constructor(job: Pick<Job, 'tell'>) {
    this.#job = job
    // It is told even where nothing has changed, for that shows whether the job is still wanted.
    this.#timer = setInterval(() => this.now({}), TELL_EVERY_MS)
  }

  now(progress: JobData): void {
    this.later(progress)
    this.#last = this.#last.then(() => this.#job.tell(this.#told))
  }

  later(progress: JobData): void {
    this.#told = { ...this.#told, ...progress }
  }

  async end(): Promise<void> {
    clearInterval(this.#timer)
    await this.#last
  }
}
