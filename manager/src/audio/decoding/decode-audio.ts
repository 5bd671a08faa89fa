import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { PeakMeter, type Peaks } from './peaks.ts'
import { type Child, type FfmpegInput, startChild, startFfmpeg } from './run-ffmpeg.ts'

/** A decoder without ffmpeg ends with this where it decodes nothing of a file, or cannot in bounded memory. */
export const NEEDS_FFMPEG = 3

/** A decoder that says nothing for so long is stuck. */
const STALL_MS = 60_000
const WHOLE_MS = 60 * 60_000
/** It yields to what somebody waits for, and comes to its turn all the same. */
const BACKGROUND_PRIORITY = 10
const WASM_HEAP_MIB = 128
const MAX_PROBLEMS_BYTES = 64 * 1024
/** A shell ends with one of these where a program cannot be run, or lacks a library. */
const NOT_STARTED = [126, 127]

export interface DecodeWish extends FfmpegInput {
  readonly codec: string
  readonly sampleRate: number
}

export interface Decoded {
  readonly seconds: number
  /** The decoder complained of these, a line each. */
  readonly problems: readonly string[]
  readonly peaks: Peaks
}

/** A file cannot be decoded here, whatever is in it. */
export class CannotDecode extends Error {}

/** The decoder was ended before its time, and would be again: what is in the file is too much for it. */
export class DecoderEnded extends Error {}

/** Starts a process that writes the samples, as one channel of 16 bits, and what is wrong with the file. */
export type Decoder = (wish: DecodeWish) => Child

/** The decoder says this where not the file is at fault, but the way to it. A file may well ask for what is behind its end. */
export const transportProblem =
  /Server returned (5XX|40[0134])|HTTP error (?!416)\d|Connection (refused|reset|timed out)|Stream ends prematurely/i

const memoryProblem = /Cannot allocate memory|Out of memory/i

export const ffmpegDecoder: Decoder = (wish) =>
  startFfmpeg(wish, {
    before: ['-err_detect', 'crccheck'],
    output: ['-ac', '1', '-ar', String(wish.sampleRate), '-c:a', 'pcm_s16le', '-f', 's16le'],
    priority: BACKGROUND_PRIORITY,
  })

/** @returns the decoder for machines without ffmpeg, which notices less of what is wrong with a file */
export function wasmDecoder(script = new URL('./wasm-decoder.js', import.meta.url)): Decoder {
  const flags = [`--max-old-space-size=${WASM_HEAP_MIB}`, fileURLToPath(script)]
  return ({ url, etag, container, codec, sampleRate }) => {
    const args = [...flags, url, etag, container, codec, String(sampleRate)]
    return startChild(process.execPath, args, BACKGROUND_PRIORITY)
  }
}

/**
 * Decodes a whole file, in the same memory however long it is. @throws CannotDecode, DecoderEnded; and another error where the
 * file cannot be had or takes too long, or the decoder cannot be started: then nothing is known of it
 */
export async function decodeAudio(decoder: Decoder, wish: DecodeWish, signal: AbortSignal): Promise<Decoded> {
  const child = decoder(wish)
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
    const [code, endedBy] = await ended
    signal.throwIfAborted()
    if (transportProblem.test(problems)) throw new Error(`the file could not be read: ${problems.slice(0, 200)}`)
    if (code !== null && NOT_STARTED.includes(code)) throw new Error('the decoder cannot be started')
    if (code === NEEDS_FFMPEG) throw new CannotDecode('only ffmpeg could decode it, which is not installed here')
    if (isStuck) throw new Error('the decoder was stuck')
    if (endedBy !== null) throw new DecoderEnded(`the decoder was ended by ${endedBy}`)
    if (memoryProblem.test(problems)) throw new DecoderEnded('the decoder wanted more memory than it may have')
  } finally {
    clearTimeout(stall)
    clearTimeout(whole)
    signal.removeEventListener('abort', kill)
    kill()
  }
  return {
    seconds: meter.sampleCount / wish.sampleRate,
    problems: problems.split('\n').filter((line) => line.trim() !== ''),
    peaks: meter.end(wish.sampleRate),
  }
}
