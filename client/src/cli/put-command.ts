import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileSource } from '../file-source.ts'
import { readSpecial } from '../node/special-file.ts'
import { type Console, printResult } from './console.ts'
import { formatBytes } from './format.ts'
import { showProgress } from './progress.ts'

/** A multiple of 3 bytes lets base64 work without copying. */
const READ_BYTES = 768 * 1024

/** Measures the size and digest of what the last attempt of an upload sent. */
class Meter {
  sizeBytes = 0
  #hash: Hash = createHash('sha256')

  async *measure(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    this.sizeBytes = 0
    this.#hash = createHash('sha256')
    for await (const chunk of bytes) {
      this.sizeBytes += chunk.length
      this.#hash.update(chunk)
      yield chunk
    }
  }

  digest(): string {
    return this.#hash.digest('hex')
  }
}

/**
 * @param path is `-` for standard input. @param name ends with a slash where the last part of the path is to follow.
 */
export async function put(console: Console, path: string, name: string | undefined): Promise<void> {
  const filename = chooseName(path, name)
  const over = new AbortController()
  const signal = AbortSignal.any([console.signal, over.signal])
  try {
    const { source, sizeBytes, meter } = await openSource({ ...console, signal }, path)
    using progress = showProgress(filename, sizeBytes, console.stderr)
    const stored = await console.client.put(filename, source, {
      signal: console.signal,
      onProgress: (sentBytes) => progress.update(sentBytes),
    })
    const sha256 = meter.digest()
    if (stored.sha256 !== null && stored.sha256 !== sha256) {
      throw new StoreError('DIGEST_MISMATCH', `the store holds ${stored.sha256}, sent was ${sha256}`)
    }
    const { id } = stored
    const result = { filename: stored.filename, id, sizeBytes: meter.sizeBytes, sha256 }
    printResult(console, result, `stored ${stored.filename} (${formatBytes(meter.sizeBytes)}, id ${id})`)
  } finally {
    // After an early answer nobody reads what a producer may still give.
    over.abort()
    if (path === '-') console.stdin.destroy()
  }
}

function chooseName(path: string, name: string | undefined): string {
  if (name !== undefined && !name.endsWith('/')) return name
  if (path === '-') throw new StoreError('INVALID_REQUEST', 'give a name for what comes from standard input')
  return (name ?? '') + basename(path)
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
