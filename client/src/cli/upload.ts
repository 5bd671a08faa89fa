import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileSource } from '../file-source.ts'
import { readSpecial } from '../node/special-file.ts'
import type { UploadOptions } from '../store-client.ts'
import type { Console } from './console.ts'
import { showProgress } from './progress.ts'

/** A multiple of 3 bytes lets base64 work without copying. */
const READ_BYTES = 768 * 1024

interface Measured {
  sizeBytes: number
  readonly hash: Hash
}

/** Measures the size and digest of what the last attempt of an upload sent. */
class Meter {
  #newest: Measured = { sizeBytes: 0, hash: createHash('sha256') }

  get sizeBytes(): number {
    return this.#newest.sizeBytes
  }

  /** An attempt that has ended may still read for a moment, so each has a measure of its own. */
  async *measure(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const own: Measured = { sizeBytes: 0, hash: createHash('sha256') }
    this.#newest = own
    for await (const chunk of bytes) {
      own.sizeBytes += chunk.length
      own.hash.update(chunk)
      yield chunk
    }
  }

  digest(): string {
    return this.#newest.hash.digest('hex')
  }
}

export interface Uploaded<Stored> {
  readonly stored: Stored
  /** What was sent has this size and digest, and so has what is stored. */
  readonly sizeBytes: number
  readonly sha256: string
}

/**
 * Uploads a file, a pipe or standard input, and shows how far it is.
 * @param path is `-` for standard input. @param title is shown beside the bar.
 * @throws DIGEST_MISMATCH where the store holds something else than was sent
 */
export async function upload<Stored extends { readonly sha256: string | null }>(
  console: Console,
  { path, title }: { readonly path: string; readonly title: string },
  send: (source: FileSource, options: UploadOptions) => Promise<Stored>,
): Promise<Uploaded<Stored>> {
  const over = new AbortController()
  const signal = AbortSignal.any([console.signal, over.signal])
  try {
    const { source, sizeBytes, meter } = await openSource({ ...console, signal }, path)
    using progress = showProgress(title, sizeBytes, console.stderr)
    const stored = await send(source, {
      signal: console.signal,
      onProgress: (sentBytes) => progress.update(sentBytes),
    })
    const sha256 = meter.digest()
    if (stored.sha256 !== null && stored.sha256 !== sha256) {
      throw new StoreError('DIGEST_MISMATCH', `the store holds ${stored.sha256}, sent was ${sha256}`)
    }
    return { stored, sizeBytes: meter.sizeBytes, sha256 }
  } finally {
    // After an early answer nobody reads what a producer may still give.
    over.abort()
    if (path === '-') console.stdin.destroy()
  }
}

async function openSource(
  { stdin, signal }: Console,
  path: string,
): Promise<{ source: FileSource; sizeBytes: number | null; meter: Meter }> {
  const meter = new Meter()
  if (path === '-') return { source: meter.measure(stdin), sizeBytes: null, meter }
  const found = await stat(path)
  if (found.isDirectory()) throw new Error(`${path} is a directory`)
  const open = () => meter.measure(createReadStream(path, { highWaterMark: READ_BYTES }))
  if (found.isFile()) return { source: open, sizeBytes: found.size, meter }
  // A pipe or a device gives its bytes once.
  return { source: meter.measure(readOnce(path, signal)), sizeBytes: null, meter }
}

async function* readOnce(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  yield* await readSpecial(path, signal)
}
