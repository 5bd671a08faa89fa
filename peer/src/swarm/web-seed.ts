import type { Metainfo } from '@holdfast/shared/node/torrent/metainfo'
import type { Torrent } from 'webtorrent'
import WebConn from 'webtorrent/lib/webconn.js'
import type { Reach } from './reach.ts'

/** A slow web seed takes its time for a piece of 32 MiB, but not without sending anything. */
const SILENCE_MS = 30_000

/**
 * A web seed (BEP 19). webtorrent's own reads whatever is sent, however long it is, and takes the whole of a file for a
 * part of it; this one reads as much as it asked for, of an answer that says it is that part.
 */
export class WebSeed extends WebConn {
  readonly #metainfo: Metainfo
  readonly #fetch: typeof fetch
  readonly #silenceMs: number

  /** @param reach fetches, and goes nowhere else than it may. @param silenceMs is how long the seed may send nothing */
  constructor(url: string, torrent: Torrent, metainfo: Metainfo, reach: Pick<Reach, 'fetch'>, silenceMs = SILENCE_MS) {
    super(url, torrent)
    this.#metainfo = metainfo
    this.#fetch = reach.fetch
    this.#silenceMs = silenceMs
  }

  override async httpRequest(
    piece: number,
    offset: number,
    length: number,
    done: (error: Error | null, bytes?: Uint8Array) => void,
  ): Promise<void> {
    try {
      const start = piece * this.#metainfo.pieceLength + offset
      done(null, await this.#read(start, start + length))
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)))
    }
  }

  /** @param end is the first byte that is not wanted */
  async #read(start: number, end: number): Promise<Uint8Array> {
    const bytes = Buffer.alloc(end - start)
    let fileStart = 0
    for (const { path, length, isPadding } of this.#metainfo.files) {
      const from = Math.max(start, fileStart)
      const to = Math.min(end, fileStart + length)
      // Nobody serves padding, for everybody knows its bytes.
      if (from < to && !isPadding)
        await this.#readPart(
          this.#urlOf(path),
          { from: from - fileStart, size: length },
          bytes.subarray(from - start, to - start),
        )
      fileStart += length
    }
    return bytes
  }

  async #readPart(url: string, { from, size }: { from: number; size: number }, into: Buffer): Promise<void> {
    const silence = new AbortController()
    const timer = setTimeout(() => silence.abort(new Error('the web seed has fallen silent')), this.#silenceMs)
    try {
      const headers = { range: `bytes=${from}-${from + into.length - 1}`, 'accept-encoding': 'identity' }
      const response = await this.#fetch(url, { headers, signal: silence.signal })
      await readAnswer(response, from === 0 && into.length === size, into, () => timer.refresh())
    } finally {
      clearTimeout(timer)
    }
  }

  #urlOf(path: readonly string[]): string {
    const isFolder = path.length > 0
    if (!isFolder && !this.url.endsWith('/')) return this.url
    const names = [this.#metainfo.name, ...path].map(encodeURIComponent)
    return `${this.url}${this.url.endsWith('/') ? '' : '/'}${names.join('/')}`
  }
}

/** @param isAll whether the whole file was asked for, for which it may come as a whole */
async function readAnswer(response: Response, isAll: boolean, into: Buffer, onBytes: () => void): Promise<void> {
  if (response.status !== 206 && !(response.status === 200 && isAll)) {
    await response.body?.cancel()
    throw new Error(`the web seed answers ${response.status}`)
  }
  let filled = 0
  for await (const chunk of response.body ?? []) {
    onBytes()
    if (filled + chunk.length > into.length) throw new Error('the web seed sends more than it was asked for')
    into.set(chunk, filled)
    filled += chunk.length
  }
  if (filled < into.length) throw new Error('the web seed sends less than it was asked for')
}
