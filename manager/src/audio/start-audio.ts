import type { Logger } from '@holdfast/shared/node/logger'
import type { StopStack } from '@holdfast/shared/node/stop-stack'
import type { ReadDeps } from '../chunks/reading/read-chunks.ts'
import type { FileModel } from '../files/file.model.ts'
import type { GetDeps } from '../files/get-file.ts'
import type { InspectionDeps } from '../files/inspection.ts'
import type { Jobs } from '../jobs/jobs.ts'
import { AudioCheck } from './decoding/check-audio.ts'
import { decodeAudio, ffmpegDecoder, wasmDecoder } from './decoding/decode-audio.ts'
import { hasFfmpeg } from './decoding/run-ffmpeg.ts'
import { audioInspector } from './inspect-audio.ts'
import { MetadataReader } from './metadata/metadata-reader.ts'
import { readerOfStored } from './metadata/read-stored.ts'
import { TrackList } from './track-list.ts'

export interface StartAudioDeps {
  readonly model: FileModel
  readonly reading: ReadDeps
  readonly log: Logger
  readonly stops: StopStack
}

export interface AudioSlice {
  readonly metadata: MetadataReader
  readonly tracks: TrackList
  /** Tells whether there is an ffmpeg. */
  readonly canDecode: boolean
  /** Looks into files on their way in, and adds a job for what is found to be audio. */
  readonly inspection: InspectionDeps
  /** Makes what decodes audio files, which does not begin by that. @param ownUrl leads a decoder to this manager */
  makeCheck(files: GetDeps & { readonly jobs: Jobs }, ownUrl: string): Pick<AudioCheck, 'loop' | 'start'>
}

/** Starts what knows of audio: metadata, the list of tracks, and what checks files by decoding them. */
export async function startAudio({ model, reading, log, stops }: StartAudioDeps): Promise<AudioSlice> {
  const metadata = new MetadataReader()
  stops.add(() => metadata.close())
  const canDecode = await hasFfmpeg()
  if (!canDecode) log.info('audio is decoded without ffmpeg, which would notice more of what is wrong with it')
  const decoder = canDecode ? ffmpegDecoder : wasmDecoder()
  let check: AudioCheck | null = null
  return {
    metadata,
    tracks: new TrackList(model),
    canDecode,
    inspection: {
      ...{ inspector: audioInspector(metadata, log), reading, log },
      onVisible: (record) => check?.onVisible(record),
    },
    makeCheck(files, ownUrl) {
      const made = new AudioCheck({
        ...{ model, jobs: files.jobs, log, ownUrl },
        decode: (wish, signal) => decodeAudio(decoder, wish, signal),
        readMetadata: readerOfStored({ ...files, metadata, log }),
      })
      check = made
      return {
        loop: () => made.loop(),
        start() {
          made.start()
          if (canDecode) made.retryUndecoded().catch((err: unknown) => log.warn({ err }, 'undecoded audio stays so'))
        },
      }
    },
  }
}
