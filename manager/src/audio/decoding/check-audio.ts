import { encodeFileNamePath } from '@holdfast/shared/file-name'
import type { Logger } from '@holdfast/shared/node/logger'
import { type mongo, Types } from 'mongoose'
import { type AudioFields, liveAudio } from '../../files/audio-fields.ts'
import type { FileModel, FileRecord } from '../../files/file.model.ts'
import type { Jobs } from '../../jobs/jobs.ts'
import { askDatabase, DURABLE } from '../../mongo/database.ts'
import type { Container } from '../container.ts'
import type { Track } from '../track-list.ts'
import { CannotDecode, type Decoded, type DecodeWish } from './decode-audio.ts'
import { judgeAudio } from './judge-audio.ts'

const KIND = 'check-audio'
/** One decoder takes a core. */
const AT_ONCE = 1
/** A file that came just now has its job already. */
const SETTLED_MS = 60_000
const EVERY_MS = 60_000
/** The loop adds so many jobs in one round. */
const PER_ROUND = 500

export interface AudioCheckDeps {
  readonly model: FileModel
  readonly jobs: Jobs
  readonly log: Logger
  /** Where the decoder finds this manager. */
  readonly ownUrl: string
  /** @throws CannotDecode */
  readonly decode: (wish: DecodeWish, signal: AbortSignal) => Promise<Decoded>
}

/** Has audio files decoded, one after the other, to see whether they are whole, and to draw them. */
export class AudioCheck {
  readonly #collection: mongo.Collection<FileRecord>
  readonly #deps: AudioCheckDeps

  constructor(deps: AudioCheckDeps) {
    this.#deps = deps
    this.#collection = deps.model.collection as unknown as mongo.Collection<FileRecord>
  }

  /** Does the jobs from then on. */
  start(): void {
    this.#deps.jobs.work(KIND, (job, signal) => this.#check(String(job.data.fileId), signal), AT_ONCE)
  }

  /** Has the loop add files again that were no decoder's yet, because there is one now that can more. */
  async retryUndecoded(): Promise<void> {
    const undecoded = { ...liveAudio, 'audio.verdict': 'unknown', 'audio.isChecked': true } as mongo.Filter<FileRecord>
    const retry = { $set: { 'audio.isChecked': false } } as mongo.UpdateFilter<FileRecord>
    await askDatabase(() => this.#collection.updateMany(undecoded, retry, DURABLE))
  }

  /** Adds the job of a file that has just become visible. A job that is lost is added again by the loop. */
  onVisible({ _id, audio, addressedBy }: Pick<FileRecord, '_id' | 'audio' | 'addressedBy'>): void {
    if (audio === undefined || addressedBy !== 'path') return
    this.#add(_id).catch((error: unknown) => this.#deps.log.debug({ fileId: _id, err: error }, 'no job added'))
  }

  /** The need stands in the records: this loop of upkeep finds files that are not checked, and adds their jobs. */
  loop() {
    return {
      name: KIND,
      everyMs: EVERY_MS,
      run: async (signal: AbortSignal): Promise<boolean> => {
        const settled = Types.ObjectId.createFromTime(Math.floor((Date.now() - SETTLED_MS) / 1000))
        const query = { ...liveAudio, 'audio.isChecked': false, _id: { $lt: settled } } as mongo.Filter<FileRecord>
        const due = await askDatabase(() =>
          this.#collection
            .find(query, { projection: { _id: 1 } })
            .sort({ _id: 1 })
            .limit(PER_ROUND)
            .toArray(),
        )
        for (const { _id } of due) {
          if (signal.aborted) break
          await this.#add(_id)
        }
        return false
      },
    }
  }

  async #add(id: Types.ObjectId): Promise<void> {
    const fileId = id.toHexString()
    await this.#deps.jobs.add({ kind: KIND, key: fileId, data: { fileId } })
  }

  async #check(fileId: string, signal: AbortSignal): Promise<void> {
    const live = { _id: new Types.ObjectId(fileId), ...liveAudio } as mongo.Filter<FileRecord>
    const track = await askDatabase(() => this.#collection.findOne<Track>(live, { projection: { chunks: 0 } }))
    if (track === null || track.audio.isChecked) return
    const { audio } = track
    const wish = {
      url: `${this.#deps.ownUrl}/file/${encodeFileNamePath(track.name)}`,
      etag: `"${track.sha256}"`,
      container: audio.container as Container,
      codec: audio.codec,
      sampleRate: audio.sampleRate ?? 44_100,
    }
    const found = await this.#look(audio, wish, signal)
    const update = Object.fromEntries(Object.entries(found).map(([field, value]) => [`audio.${field}`, value]))
    // Under another name it is not the file that was decoded, or not to its end.
    await askDatabase(() => this.#collection.updateOne({ ...live, name: track.name }, { $set: update }, DURABLE))
  }

  /** @returns what is to be written of a file that has been looked at */
  async #look(audio: AudioFields, wish: DecodeWish, signal: AbortSignal) {
    let decoded: Decoded
    try {
      decoded = await this.#deps.decode(wish, signal)
    } catch (error) {
      if (!(error instanceof CannotDecode)) throw error
      return { verdict: 'unknown', reason: error.message, isChecked: true }
    }
    const { sampleRate, samplesPerPeak, data } = decoded.peaks
    const duration = audio.duration === null || audio.isEstimated ? decoded.seconds : audio.duration
    return {
      ...judgeAudio(audio, decoded),
      isChecked: true,
      peaks: { sampleRate, samplesPerPeak, data: Buffer.from(data.buffer, data.byteOffset, data.length) },
      duration,
      isEstimated: false,
      'keys.duration': duration,
    }
  }
}
