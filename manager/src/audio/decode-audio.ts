import { once } from 'node:events'
import { PeakMeter, type Peaks } from './peaks.ts'
import { type FfmpegInput, startFfmpeg } from './run-ffmpeg.ts'

/** A decoder that says nothing for so long is stuck. */
const STALL_MS = 60_000
const WHOLE_MS = 60 * 60_000
const LOWEST_PRIORITY = 19
const MAX_PROBLEMS_BYTES = 64 * 1024

export interface DecodeWish extends FfmpegInput {
  readonly sampleRate: number
}

export interface Decoded {
  readonly seconds: number
  /** What the decoder complained of, a line each. */
  readonly problems: readonly string[]
  readonly peaks: Peaks
}

/** What the decoder says where not the file is at fault, but the way to it. A file may well ask for what is behind its end. */
const transportProblem =
  /Server returned (5XX|40[0134])|HTTP error (?!416)\d|Connection (refused|reset|timed out)|Stream ends prematurely/i

/**
 * Decodes a whole file by ffmpeg, in the same memory however long it is. @throws where it cannot be had, or takes too long:
 * then nothing is known of it
 */
export async function decodeAudio(wish: DecodeWish, signal: AbortSignal): Promise<Decoded> {
  const child = startFfmpeg(wish, {
    before: ['-err_detect', 'crccheck'],
    output: ['-ac', '1', '-ar', String(wish.sampleRate), '-c:a', 'pcm_s16le', '-f', 's16le'],
    priority: LOWEST_PRIORITY,
  })
  const meter = new PeakMeter()
  let problems = ''
  child.stderr.on('data', (bytes: Buffer) => {
    if (problems.length < MAX_PROBLEMS_BYTES) problems += bytes.toString()
  })
  const kill = (): void => void child.kill('SIGKILL')
  const whole = setTimeout(kill, WHOLE_MS)
  let isStuck = false
  const giveUp = (): void => {
    isStuck = true
    kill()
  }
  let stall = setTimeout(giveUp, STALL_MS)
  signal.addEventListener('abort', kill)
  try {
    const ended = once(child, 'close') as Promise<[number | null, string | null]>
    ended.catch(() => undefined)
    for await (const bytes of child.stdout) {
      clearTimeout(stall)
      stall = setTimeout(giveUp, STALL_MS)
      meter.push(bytes as Buffer)
    }
    const [, endedBy] = await ended
    signal.throwIfAborted()
    if (endedBy !== null) throw new Error(isStuck ? 'the decoder was stuck' : `the decoder was ended by ${endedBy}`)
  } finally {
    clearTimeout(stall)
    clearTimeout(whole)
    signal.removeEventListener('abort', kill)
    kill()
  }
  if (transportProblem.test(problems)) throw new Error(`the file could not be read: ${problems.slice(0, 200)}`)
  return {
    seconds: meter.sampleCount / wish.sampleRate,
    problems: problems.split('\n').filter((line) => line.trim() !== ''),
    peaks: meter.end(wish.sampleRate),
  }
}
