import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setPriority } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Container } from './container.ts'
import { PeakMeter, type Peaks } from './peaks.ts'

/** A decoder without ffmpeg ends with this where it cannot decode a file, or not in bounded memory. */
export const NEEDS_FFMPEG = 3

/** A decoder that says nothing for so long is stuck. */
const STALL_MS = 60_000
const WHOLE_MS = 60 * 60_000
const VERSION_MS = 10_000
/** A file that makes the decoder want more memory is not decoded, in KiB. */
const MEMORY_KIB = 1_500_000
/** It yields to what somebody waits for, and comes to its turn all the same. */
const BACKGROUND_PRIORITY = 10
const WASM_HEAP_MIB = 128
const MAX_PROBLEMS_BYTES = 64 * 1024

export interface DecodeWish {
  /** Where the bytes are. The decoder asks for ranges of them. */
  readonly url: string
  /** The bytes are those of this version. */
  readonly etag: string
  readonly container: Container
  readonly codec: string
  readonly sampleRate: number
}

export interface Decoded {
  readonly seconds: number
  /** What the decoder complained of, a line each. */
  readonly problems: readonly string[]
  readonly peaks: Peaks
}

/** A file cannot be decoded here, whatever is in it. */
export class CannotDecode extends Error {}

export type Decoder = (wish: DecodeWish) => { readonly command: string; readonly args: readonly string[] }

/** The name of the demuxer is told, so that a file cannot choose one that opens other files. */
const demuxers: Readonly<Record<Container, string>> = {
  wav: 'wav',
  mp3: 'mp3',
  flac: 'flac',
  ogg: 'ogg',
  mp4: 'mov',
  aac: 'aac',
  aiff: 'aiff',
  wma: 'asf',
  webm: 'matroska',
  matroska: 'matroska',
}

/** What the decoder says where not the file is at fault, but the way to it. A file may well ask for what is behind its end. */
const transportProblem =
  /Server returned (5XX|40[0134])|HTTP error (?!416)\d|Connection (refused|reset|timed out)|Stream ends prematurely/i

/** @returns whether an ffmpeg can be run */
export async function hasFfmpeg(): Promise<boolean> {
  const child = spawn('ffmpeg', ['-version'], { stdio: 'ignore', timeout: VERSION_MS })
  try {
    const [code] = (await once(child, 'exit')) as [number | null]
    return code === 0
  } catch {
    // It could not be started.
    return false
  }
}

export const ffmpeg: Decoder = ({ url, etag, container, sampleRate }) => {
  const input = [
    ...['-nostdin', '-v', 'error', '-threads', '1', '-err_detect', 'crccheck', '-protocol_whitelist', 'http,tcp'],
    ...['-headers', `If-Match: ${etag}\r\n`, '-f', demuxers[container], '-i', url],
  ]
  const output = ['-map', '0:a:0', '-ac', '1', '-ar', String(sampleRate), '-c:a', 'pcm_s16le', '-f', 's16le', 'pipe:1']
  // Where a shell knows no such limit, there is none.
  const limited = `ulimit -v ${MEMORY_KIB} 2>/dev/null; exec ffmpeg "$@"`
  return { command: 'sh', args: ['-c', limited, 'ffmpeg', ...input, '-protocol_whitelist', 'pipe', ...output] }
}

/** @returns the decoder for machines without ffmpeg, which notices less of what is wrong with a file */
export function wasmDecoder(script = new URL('./wasm-decoder.js', import.meta.url)): Decoder {
  const limit = `--max-old-space-size=${WASM_HEAP_MIB}`
  return ({ url, etag, container, codec, sampleRate }) => ({
    command: process.execPath,
    args: [limit, fileURLToPath(script), url, etag, container, codec, String(sampleRate)],
  })
}

/**
 * Decodes a whole file, in the same memory however long it is. @throws CannotDecode; and another error where the file cannot
 * be had, or takes too long: then nothing is known of it
 */
export async function decodeAudio(decoder: Decoder, wish: DecodeWish, signal: AbortSignal): Promise<Decoded> {
  const child = start(decoder(wish))
  const meter = new PeakMeter()
  let problems = ''
  child.stderr?.on('data', (bytes: Buffer) => {
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
    for await (const bytes of child.stdout ?? []) {
      clearTimeout(stall)
      stall = setTimeout(giveUp, STALL_MS)
      meter.push(bytes as Buffer)
    }
    const [code, endedBy] = await ended
    signal.throwIfAborted()
    if (code === NEEDS_FFMPEG) throw new CannotDecode('only ffmpeg could decode it, which is not installed here')
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

function start({ command, args }: ReturnType<Decoder>): ChildProcess {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH } })
  child.on('error', () => undefined)
  try {
    if (child.pid !== undefined) setPriority(child.pid, BACKGROUND_PRIORITY)
  } catch {
    // It has ended already, which is noticed elsewhere.
  }
  return child
}
