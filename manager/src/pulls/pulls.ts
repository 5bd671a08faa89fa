import { setTimeout as delay } from 'node:timers/promises'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { LARGEST_CHUNK_BYTES } from '@holdfast/shared/limits'
import { DirectoryInUseError } from '@holdfast/shared/node/directory-lock'
import type { Logger } from '@holdfast/shared/node/logger'
import type { Metainfo } from '@holdfast/shared/node/torrent/metainfo'
import { type Job, JobRefusal, type Jobs, jobId } from '../jobs/jobs.ts'
import type { Database } from '../mongo/database.ts'
import { doPull } from './do-pull.ts'
import { type PlannedFile, planFiles } from './plan-files.ts'
import { defaultPullDirectory, PullDirectories } from './pull-directories.ts'
import { type Pull, PullRecords } from './pull-records.ts'
import type { StoreDeps } from './store-files.ts'
import { Telling } from './telling.ts'

const KIND = 'pull-torrent'
const AT_ONCE = 2
const LOOP_EVERY_MS = 60_000
/** Another process may have forgotten what this one has loaded. */
const SWEEP_EVERY_MS = 60_000
/** A process that has no turn at the directory asks for it so often. */
const TURN_EVERY_MS = 10_000

export interface PullsDeps {
  readonly database: Database
  readonly clusterId: string
  readonly jobs: Jobs
  readonly files: StoreDeps & { readonly maxFileBytes: number }
  readonly log: Logger
}

export interface PullsSettings {
  readonly torrentDirectory: string | null
  readonly maxTorrentBytes: number
  readonly torrentPatienceMs: number
  readonly allowsPrivateTorrents: boolean
}

export interface PullWish extends Omit<Pull, 'id'> {
  /** Says what the torrent is of, where that is known already. */
  readonly metainfo: Metainfo | null
}

/** Pulls torrents into the store: a peer's process loads each into a directory, and its files are stored from there. */
export class Pulls {
  readonly #deps: PullsDeps
  readonly #records: PullRecords
  readonly #settings: PullsSettings
  readonly #directories: PullDirectories
  readonly #stop = new AbortController()

  private constructor(deps: PullsDeps, records: PullRecords, settings: PullsSettings) {
    this.#deps = deps
    this.#records = records
    this.#settings = settings
    this.#directories = new PullDirectories(settings.torrentDirectory ?? defaultPullDirectory(deps.clusterId))
  }

  static async open(deps: PullsDeps, settings: PullsSettings): Promise<Pulls> {
    const records = new PullRecords(deps.database)
    await records.prepare()
    return new Pulls(deps, records, settings)
  }

  /** Does the jobs from then on, once no other process does that has the same directory. */
  start(): void {
    this.#deps.jobs.work(KIND, (job, signal) => this.#do(job, signal), AT_ONCE, this.#takeTurn())
  }

  /** The jobs have ended before that. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#directories.close()
  }

  /**
   * Has a torrent pulled in. The same torrent into the same folder is the same job; one that has failed begins anew.
   * @returns the job's id. @throws INVALID_REQUEST, TOO_LARGE, OVERLOADED, DATABASE_UNAVAILABLE
   */
  async order({ metainfo, ...wish }: PullWish): Promise<string> {
    if (metainfo !== null) this.#plan(metainfo, wish)
    const { jobs } = this.#deps
    const id = jobId(orderOf(wish))
    await this.#records.put({ id, ...wish })
    if (!(await jobs.add(orderOf(wish)))) await jobs.retry(id)
    return id
  }

  /** Calls a pull off. @returns whether the job was one of these. @throws DATABASE_UNAVAILABLE */
  async forget(id: string): Promise<boolean> {
    const wasNeeded = await this.#records.forget(id)
    if (wasNeeded) await this.#directories.removeUnused(id)
    return wasNeeded
  }

  /** The need stands in the records: this loop of upkeep adds the jobs that were lost. */
  loop() {
    return {
      name: KIND,
      everyMs: LOOP_EVERY_MS,
      run: async (signal: AbortSignal): Promise<boolean> => {
        for (const pull of await this.#records.list()) {
          if (signal.aborted) break
          await this.#deps.jobs.add(orderOf(pull))
        }
        return false
      },
    }
  }

  async #do(job: Job, signal: AbortSignal): Promise<void> {
    const pull = await this.#records.use(job.id)
    if (pull === null) {
      // An attempt before has ended between its last two steps, or the loop was late.
      if (job.told === null || job.told.phase === 'stored') return
      throw new JobRefusal('what was to be pulled in is known no longer: order it again')
    }
    await this.#directories.open()
    const telling = new Telling(job)
    try {
      const { torrentPatienceMs: patienceMs, allowsPrivateTorrents: allowsPrivate } = this.#settings
      const plan = (metainfo: Metainfo, wish: Pull) => this.#plan(metainfo, wish)
      const { files } = this.#deps
      const deps = { records: this.#records, directories: this.#directories, files, plan, patienceMs, allowsPrivate }
      await doPull(deps, pull, telling, signal)
    } finally {
      await telling.end()
    }
  }

  #plan(metainfo: Metainfo, { folder, storageClass }: Pick<Pull, 'folder' | 'storageClass'>): PlannedFile[] {
    const { maxFileBytes: most } = this.#deps.files
    // The part tags of a file that is one chunk have to fit into one message.
    const maxFileBytes = storageClass === 'single' ? Math.min(most, LARGEST_CHUNK_BYTES) : most
    return planFiles(metainfo, folder, { maxFileBytes, maxTorrentBytes: this.#settings.maxTorrentBytes })
  }

  async #takeTurn(): Promise<void> {
    const { signal } = this.#stop
    const { log } = this.#deps
    for (let isSaid = false; !signal.aborted; isSaid = true) {
      try {
        await this.#directories.open()
        void this.#sweepNowAndThen()
        return
      } catch (error) {
        if (!(error instanceof DirectoryInUseError)) {
          // Each job says so again.
          log.warn({ err: error }, 'torrents cannot be pulled in')
          return
        }
        if (!isSaid) log.info('another process of this machine pulls torrents in')
        await delay(TURN_EVERY_MS, undefined, { signal, ref: false }).catch(() => undefined)
      }
    }
    throw new StoreError('CANCELLED')
  }

  async #sweepNowAndThen(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      await this.#directories
        .sweep((id) => this.#records.isNeeded(id))
        .catch((error: unknown) => this.#deps.log.warn({ err: error }, 'what is left of torrents was not removed'))
      await delay(SWEEP_EVERY_MS, undefined, { signal, ref: false }).catch(() => undefined)
    }
  }
}

/** Two of one torrent into one folder are one. */
function orderOf({ infoHash, folder }: Pick<Pull, 'infoHash' | 'folder'>) {
  return { kind: KIND, key: `${infoHash}/${folder}`, data: { infoHash, folder }, isKept: true }
}
