import { once } from 'node:events'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { encodeFileNamePath } from '@holdfast/shared/file-name'
import type { Logger } from '@holdfast/shared/node/logger'
import type { Container } from '../container.ts'
import { transportProblem } from '../decoding/decode-audio.ts'
import { startFfmpeg } from '../decoding/run-ffmpeg.ts'
import type { Track } from '../track-list.ts'
import { type StreamPlan, streamFormats } from './plan-stream.ts'

/** Each takes a core while its client takes what it makes. */
const MAX_AT_ONCE = 4
/** Somebody listens, so it is not the last in line as a check is. */
const PRIORITY = 5
/** Nobody listens to one track for longer, so ffmpeg is killed then. */
const WHOLE_MS = 6 * 3_600_000
const MAX_PROBLEMS_BYTES = 4_096

export interface TranscoderDeps {
  /** ffmpeg finds this manager at this address. */
  readonly ownUrl: () => string
  readonly log: Logger
}

/** Makes other formats of tracks while they are sent, some at a time. */
export class Transcoder {
  readonly #deps: TranscoderDeps
  #runningCount = 0

  constructor(deps: TranscoderDeps) {
    this.#deps = deps
  }

  /**
   * Gives the bytes as ffmpeg makes them, which waits while nobody takes them. It is killed when the signal fires, or the
   * generator ends. @throws OVERLOADED, and FILE_UNAVAILABLE where nothing can be made of it
   */
  async *stream(track: Track, plan: StreamPlan, signal: AbortSignal): AsyncGenerator<Buffer> {
    if (this.#runningCount >= MAX_AT_ONCE)
      throw new StoreError('OVERLOADED', `${MAX_AT_ONCE} tracks are being transcoded already`)
    const child = startFfmpeg(this.#inputOf(track), { ...argumentsOf(plan), priority: PRIORITY })
    // Only then is there something whose end gives the place back.
    this.#runningCount++
    const ended = once(child, 'close') as Promise<[number | null, string | null]>
    ended.catch(() => undefined)
    const kill = (): void => void child.kill('SIGKILL')
    const whole = setTimeout(kill, WHOLE_MS)
    signal.addEventListener('abort', kill)
    // Whoever has asked may never come for the rest, so the place is free once the process has ended, by whatever.
    let isRunning = true
    const release = (): void => {
      if (isRunning) this.#runningCount--
      isRunning = false
      clearTimeout(whole)
      signal.removeEventListener('abort', kill)
    }
    child.once('exit', release).once('error', release)
    let problems = ''
    // With only a part of its input ffmpeg makes a shorter track and calls it a success.
    let isCutOff = false
    child.stderr.on('data', (bytes: Buffer) => {
      const text = bytes.toString()
      isCutOff ||= transportProblem.test(text)
      if (problems.length < MAX_PROBLEMS_BYTES) problems += text
    })
    try {
      signal.throwIfAborted()
      for await (const bytes of child.stdout) yield bytes as Buffer
      const [code] = await ended
      if ((code === 0 && !isCutOff) || signal.aborted) return
      this.#deps.log.warn({ fileId: track._id, code, problems: problems.slice(0, 500) }, 'transcoding failed')
      throw new StoreError('FILE_UNAVAILABLE', 'the track cannot be transcoded')
    } finally {
      kill()
    }
  }

  #inputOf({ name, sha256, audio }: Track) {
    return {
      url: `${this.#deps.ownUrl()}/file/${encodeFileNamePath(name)}`,
      etag: `"${sha256}"`,
      container: audio.container as Container,
    }
  }
}

function argumentsOf({ format, bitRate, timeOffset }: StreamPlan) {
  const { args } = streamFormats[format]
  return {
    before: timeOffset > 0 ? ['-ss', String(timeOffset)] : [],
    output: ['-map_metadata', '0', ...args, ...(bitRate === null ? [] : ['-b:a', `${bitRate}k`])],
  }
}
