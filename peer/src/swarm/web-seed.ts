import type { Metainfo } from '@holdfast/shared/node/torrent/metainfo'
import type Wire from 'bittorrent-protocol'
import type { Torrent } from 'webtorrent'
import WebConn from 'webtorrent/lib/webconn.js'
import { FileSpans } from './file-spans.ts'
import type { Reach } from './reach.ts'

/** A slow web seed takes its time for a piece of 32 MiB, but not without sending anything. */
const SILENCE_MS = 30_000
/** One that sends less than this over that time is not waited for where a peer has the piece; the number is webtorrent's. */
const SLOW_BYTES_PER_SECOND = 48 * 1024
const PACE_MS = 30_000

export interface Patience {
  /** The seed may send nothing for so long. */
  readonly silenceMs: number
  /** It may be slow for so long. */
  readonly paceMs: number
}

/** Follows how fast the bytes of a piece arrive. */
interface Pace {
  readonly signal: AbortSignal
  note(bytes: number): void
  end(): void
}

/**
 * Loads from a web seed (BEP 19). webtorrent's own reads whatever is sent, however long it is, and takes the whole of a file
 * for a part of it; this one reads as much as it asked for, of an answer that says it is that part.
 */
export class WebSeed extends WebConn {
  readonly #metainfo: Metainfo
  readonly #spans: FileSpans
  readonly #fetch: typeof fetch
  readonly #patience: Patience
  #arrivingBytes = 0

  /** @param reach fetches, and goes nowhere else than it may */
  constructor(
    url: string,
    torrent: Torrent,
    metainfo: Metainfo,
    reach: Pick<Reach, 'fetch'>,
    patience: Patience = { silenceMs: SILENCE_MS, paceMs: PACE_MS },
  ) {
    super(url, torrent)
    this.#metainfo = metainfo
    this.#spans = new FileSpans(metainfo.files)
    this.#fetch = reach.fetch
    this.#patience = patience
  }

  /** Counts what has come of requests that are not answered to their end: the torrent gets nothing of them before that. */
  get arrivingBytes(): number {
    return this.#arrivingBytes
  }

  override async httpRequest(
    piece: number,
    offset: number,
    length: number,
    done: (error: Error | null, bytes?: Uint8Array) => void,
  ): Promise<void> {
    const pace = this.#watchPace(piece)
    try {
      const start = piece * this.#metainfo.pieceLength + offset
      done(null, await this.#read(start, start + length, pace))
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)))
    } finally {
      pace.end()
    }
  }

  /** webtorrent asks a web seed for all that is missing of a piece, which others cannot take over then. */
  #watchPace(piece: number): Pace {
    const { paceMs } = this.#patience
    const slow = new AbortController()
    let arrived = 0
    let arrivedInAll = 0
    const timer = setInterval(() => {
      const isSlow = arrived < (SLOW_BYTES_PER_SECOND * paceMs) / 1_000
      arrived = 0
      const hasIt = ({ type, peerChoking, peerPieces }: Wire) =>
        type !== 'webSeed' && !peerChoking && peerPieces.get(piece)
      if (isSlow && this._torrent?.wires.some(hasIt))
        slow.abort(new Error('the web seed is slow, and a peer has the piece'))
    }, paceMs)
    return {
      signal: slow.signal,
      note: (bytes) => {
        arrived += bytes
        arrivedInAll += bytes
        this.#arrivingBytes += bytes
      },
      end: () => {
        clearInterval(timer)
        this.#arrivingBytes -= arrivedInAll
      },
    }
  }

  /** @param end is the first byte that is not wanted */
  async #read(start: number, end: number, pace: Pace): Promise<Uint8Array> {
    const bytes = Buffer.alloc(end - start)
    let filled = 0
    for (const { file: number, offset: from, length } of this.#spans.between(start, end)) {
      const file = this.#metainfo.files[number]
      const into = bytes.subarray(filled, filled + length)
      // Nobody serves padding, for everybody knows its bytes.
      if (file !== undefined && !file.isPadding)
        await this.#readPart(this.#urlOf(file.path), { from, size: file.length }, into, pace)
      filled += length
    }
    return bytes
  }

  async #readPart(
    url: string,
    { from, size }: { from: number; size: number },
    into: Buffer,
    pace: Pace,
  ): Promise<void> {
    const silence = new AbortController()
    const { silenceMs } = this.#patience
    const timer = setTimeout(() => silence.abort(new Error('the web seed has fallen silent')), silenceMs)
    try {
      const headers = { range: `bytes=${from}-${from + into.length - 1}`, 'accept-encoding': 'identity' }
      const signal = AbortSignal.any([silence.signal, pace.signal])
      const response = await this.#fetch(url, { headers, signal })
      await readAnswer(response, from === 0 && into.length === size, into, (bytes) => {
        timer.refresh()
        pace.note(bytes)
      })
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
async function readAnswer(
  response: Response,
  isAll: boolean,
  into: Buffer,
  onBytes: (bytes: number) => void,
): Promise<void> {
  if (response.status !== 206 && !(response.status === 200 && isAll)) {
    await response.body?.cancel()
    throw new Error(`the web seed answers ${response.status}`)
  }
  let filled = 0
  for await (const chunk of response.body ?? []) {
    onBytes(chunk.length)
    if (filled + chunk.length > into.length) throw new Error('the web seed sends more than it was asked for')
    into.set(chunk, filled)
    filled += chunk.length
  }
  if (filled < into.length) throw new Error('the web seed sends less than it was asked for')
}
