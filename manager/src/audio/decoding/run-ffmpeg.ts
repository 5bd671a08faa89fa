import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs'
import { setPriority } from 'node:os'
import type { Readable } from 'node:stream'
import type { Container } from '../container.ts'

const VERSION_MS = 10_000
/** A file that makes ffmpeg want more memory is not decoded. */
const MEMORY_KIB = 1_500_000
/** Linux takes nothing greater. */
const FIRST_TO_GO = '1000'

/** ffmpeg finds the bytes of a file there, and asks for ranges of them. */
export interface FfmpegInput {
  readonly url: string
  /** The bytes are those of this version. */
  readonly etag: string
  readonly container: Container
}

export type Child = ChildProcessByStdio<null, Readable, Readable>

export interface FfmpegOptions {
  /** These stand before the input. */
  readonly before: readonly string[]
  /** They say what is made of it. */
  readonly output: readonly string[]
  readonly priority: number
}

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

/** Starts an ffmpeg that writes to its standard output, and may open nothing but the file. Whoever starts it ends it. */
export function startFfmpeg({ url, etag, container }: FfmpegInput, { before, output, priority }: FfmpegOptions): Child {
  const input = [
    ...['-nostdin', '-v', 'error', '-threads', '1', ...before, '-protocol_whitelist', 'http,tcp'],
    ...['-headers', `If-Match: ${etag}\r\n`, '-f', demuxers[container], '-i', url],
  ]
  // A shell that knows no such limit runs ffmpeg without one.
  const limited = `ulimit -v ${MEMORY_KIB} 2>/dev/null; exec ffmpeg "$@"`
  const args = ['-c', limited, 'ffmpeg', ...input, '-protocol_whitelist', 'pipe', '-map', '0:a:0', ...output, 'pipe:1']
  return startChild('sh', args, priority)
}

/** Starts a process that needs nothing of this one's environment but the PATH. */
export function startChild(command: string, args: readonly string[], priority: number): Child {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH } })
  child.on('error', () => undefined)
  try {
    if (child.pid !== undefined) {
      // Where memory runs out Linux ends it, and not the manager. Elsewhere there is no such file.
      writeFile(`/proc/${child.pid}/oom_score_adj`, FIRST_TO_GO, () => undefined)
      setPriority(child.pid, priority)
    }
  } catch {
    // It has ended already, which is noticed elsewhere.
  }
  return child
}
