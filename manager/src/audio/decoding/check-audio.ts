import { encodeFileNamePath } from '@holdfast/shared/file-name'
import type { Logger } from '@holdfast/shared/node/logger'
import { type mongo, Types } from 'mongoose'
import { type AudioFields, liveAudio } from '../../files/audio-fields.ts'
import type { FileModel, FileRecord } from '../../files/file.model.ts'
import { type Job, JobRefusal, type Jobs, jobId } from '../../jobs/jobs.ts'
import { askDatabase, DURABLE } from '../../mongo/database.ts'
import type { Container } from '../container.ts'
import { meanRate } from '../metadata/metadata.ts'
import type { Track } from '../track-list.ts'
import { CannotDecode, type Decoded, DecoderEnded, type DecodeWish } from './decode-audio.ts'
import { judgeAudio, notDecoded } from './judge-audio.ts'

const KIND = 'check-audio'
/** One decoder takes a core. */
const AT_ONCE = 1
/** A file that came just now has its job already. */
const SETTLED_MS = 60_000
const EVERY_MS = 60_000
/** The loop adds so many jobs of each need in one round. */
const PER_ROUND = 500
/** What failed, as it does in an outage, is tried again after this share of its file's age, within the bounds. */
const RETRY_SHARE = 1 / 8
const RETRY_BOUNDS_MS = { least: 3_600_000, most: 24 * 3_600_000 }

const ofPath = { state: 'live', addressedBy: 'path' } as const
const unchecked = { ...liveAudio, 'audio.isChecked': false } as const
/** A file that is due to be looked at has one of these. */
const needs = [unchecked, { ...ofPath, audioDue: true }] as const
/** No id is less. */
const FIRST = new Types.ObjectId('0'.repeat(24))

export interface AudioCheckDeps {
  readonly model: FileModel
  readonly jobs: Jobs
  readonly log: Logger
  /** The decoder reads files from this address, which is the manager's own. */
  readonly ownUrl: string
  /** @throws CannotDecode */
  readonly decode: (wish: DecodeWish, signal: AbortSignal) => Promise<Decoded>
  /** Gives what a file says of itself, or null where it is no audio. @throws OVERLOADED, FILE_UNAVAILABLE */
  readonly readMetadata: (record: FileRecord, signal: AbortSignal) => Promise<AudioFields | null>
}

/**
 * Has audio files decoded, one after the other, to see whether they are whole, and to draw them. Before that it reads the
 * metadata of those that could not be read when they came.
 */
export class AudioCheck {
  readonly #collection: mongo.Collection<FileRecord>
  readonly #deps: AudioCheckDeps

  constructor(deps: AudioCheckDeps) {
    this.#deps = deps
    this.#collection = deps.model.collection as unknown as mongo.Collection<FileRecord>
  }

  /** Does the jobs from then on. */
  start(): void {
    this.#deps.jobs.work(KIND, (job, signal) => this.#check(job, signal), AT_ONCE)
  }

  /** Has the loop add files again that were no decoder's yet, because there is one now that can more. */
  async retryUndecoded(): Promise<void> {
    const undecoded = { ...liveAudio, 'audio.verdict': 'unknown', 'audio.isChecked': true } as mongo.Filter<FileRecord>
    const retry = { $set: { 'audio.isChecked': false } } as mongo.UpdateFilter<FileRecord>
    await askDatabase(() => this.#collection.updateMany(undecoded, retry, DURABLE))
  }

  /** Adds the job of a file that has just become visible. A job that is lost is added again by the loop. */
  onVisible({
    _id,
    audio,
    audioDue,
    addressedBy,
  }: Pick<FileRecord, '_id' | 'audio' | 'audioDue' | 'addressedBy'>): void {
    if ((audio === undefined && audioDue === undefined) || addressedBy !== 'path') return
    this.#add(_id).catch((error: unknown) => this.#deps.log.debug({ fileId: _id, err: error }, 'no job added'))
  }

  /**
   * The need stands in the records: this loop of upkeep finds files that are due, and adds their jobs. A round goes on behind
   * the one before, so that nothing hides behind those that fail.
   */
  loop() {
    const places = needs.map(() => FIRST)
    return {
      name: KIND,
      everyMs: EVERY_MS,
      run: async (signal: AbortSignal): Promise<boolean> => {
        for (const [index, need] of needs.entries()) {
          const due = await this.#dueAfter(places[index] ?? FIRST, need)
          for (const id of due) {
            if (signal.aborted) return false
            if (!(await this.#add(id)) && need === unchecked) await this.#noteFailed(id)
          }
          places[index] = due.length < PER_ROUND ? FIRST : (due.at(-1) ?? FIRST)
        }
        return false
      },
    }
  }

  async #dueAfter(place: Types.ObjectId, need: (typeof needs)[number]): Promise<Types.ObjectId[]> {
    const settled = Types.ObjectId.createFromTime(Math.floor((Date.now() - SETTLED_MS) / 1000))
    const query = { ...need, _id: { $gt: place, $lt: settled } } as mongo.Filter<FileRecord>
    const find = () =>
      this.#collection
        .find(query, { projection: { _id: 1 } })
        .sort({ _id: 1 })
        .limit(PER_ROUND)
        .toArray()
    return (await askDatabase(find)).map(({ _id }) => _id)
  }

  /** @returns whether it has no job yet */
  async #add(id: Types.ObjectId): Promise<boolean> {
    const fileId = id.toHexString()
    const wish = (Date.now() - id.getTimestamp().getTime()) * RETRY_SHARE
    const retryAfterMs = Math.min(RETRY_BOUNDS_MS.most, Math.max(RETRY_BOUNDS_MS.least, wish))
    return this.#deps.jobs.add({ kind: KIND, key: fileId, data: { fileId }, retryAfterMs })
  }

  /** A job whose process was killed each time has failed without a word, so the file's record has no reason yet. */
  async #noteFailed(id: Types.ObjectId): Promise<void> {
    const mute = { ...unchecked, _id: id, 'audio.reason': null } as mongo.Filter<FileRecord>
    if ((await askDatabase(() => this.#collection.findOne(mute, { projection: { _id: 1 } }))) === null) return
    const job = await this.#deps.jobs.find(jobId({ kind: KIND, key: id.toHexString() }))
    if (job?.state !== 'failed' || job.error === null) return
    const update = { $set: { 'audio.reason': notDecoded(job.error) } } as mongo.UpdateFilter<FileRecord>
    await askDatabase(() => this.#collection.updateOne(mute, update, DURABLE))
  }

  async #check(job: Job, signal: AbortSignal): Promise<void> {
    const live = { _id: new Types.ObjectId(String(job.data.fileId)), ...ofPath } as mongo.Filter<FileRecord>
    const record = await askDatabase(() => this.#collection.findOne(live, { projection: { 'audio.peaks': 0 } }))
    if (record === null) return
    const audio = record.audio ?? (record.audioDue ? await this.#readDue(record, signal) : null)
    if (audio === null || audio.isChecked) return
    try {
      await this.#decode({ ...record, audio }, signal)
    } catch (error) {
      if (!job.isLast || signal.aborted) throw error
      await this.#note({ ...record, audio }, { reason: notDecoded(error) }).catch(() => undefined)
      throw error instanceof DecoderEnded ? new JobRefusal(error.message) : error
    }
  }

  /** @returns what the record says from then on, or null where it is no audio that can be read */
  async #readDue(record: FileRecord, signal: AbortSignal): Promise<AudioFields | null> {
    const audio = await this.#deps.readMetadata(record, signal)
    const due = { ...ofPath, _id: record._id, audioDue: true } as mongo.Filter<FileRecord>
    const update = { ...(audio !== null && { $set: { audio } }), $unset: { audioDue: true } as const }
    await askDatabase(() => this.#collection.updateOne(due, update, DURABLE))
    return audio
  }

  async #decode(track: Track, signal: AbortSignal): Promise<void> {
    const { audio } = track
    const wish = {
      url: `${this.#deps.ownUrl}/file/${encodeFileNamePath(track.name)}`,
      etag: `"${track.sha256}"`,
      container: audio.container as Container,
      codec: audio.codec,
      sampleRate: audio.sampleRate ?? 44_100,
    }
    await this.#note(track, await this.#look(track, wish, signal))
  }

  /** Under another name it is not the file that was decoded, or not to its end. */
  async #note({ _id, name }: Track, found: object): Promise<void> {
    const update = Object.fromEntries(Object.entries(found).map(([field, value]) => [`audio.${field}`, value]))
    const same = { _id, ...liveAudio, name, 'audio.isChecked': false } as mongo.Filter<FileRecord>
    await askDatabase(() => this.#collection.updateOne(same, { $set: update }, DURABLE))
  }

  /** @returns what is to be written of a file that has been looked at */
  async #look({ audio, size }: Track, wish: DecodeWish, signal: AbortSignal) {
    let decoded: Decoded
    try {
      decoded = await this.#deps.decode(wish, signal)
    } catch (error) {
      if (!(error instanceof CannotDecode)) throw error
      return { verdict: 'unknown', reason: error.message, isChecked: true }
    }
    const { sampleRate, samplesPerPeak, data } = decoded.peaks
    const duration = audio.duration === null || audio.isEstimated ? decoded.seconds : audio.duration
    const bitRate = audio.bitRate ?? meanRate(size, duration)
    return {
      ...judgeAudio(audio, decoded),
      isChecked: true,
      peaks: { sampleRate, samplesPerPeak, data: Buffer.from(data.buffer, data.byteOffset, data.length) },
      duration,
      isEstimated: false,
      'keys.duration': duration,
      bitRate,
      'keys.bitRate': bitRate ?? 0,
    }
  }
}
