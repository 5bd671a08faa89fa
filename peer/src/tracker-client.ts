import { z } from 'zod'
import { Deadline } from './deadline.ts'
import { PeerError, reasonOf } from './peer-error.ts'
import { readBounded } from './read-bounded.ts'
import type { FoundPeer } from './swarm/trackers/peer-finder.ts'

const MAX_ANSWER_BYTES = 4 * 1024 ** 2
const PATIENCE_MS = 15_000

const port = z.int().min(1).max(65_535)
const text = z.string().max(1_000)
const ids = z.array(z.uuid()).max(20_000)
const peers = z.object({ peers: z.array(z.object({ listening_host: text, listening_port: port })).max(1_000) })
const checkedIn = z.object({ missing: ids, unknown: ids })
const published = z.object({ id: z.uuid() })
const located = z.object({ ip: z.union([z.ipv4(), z.ipv6()]), port, checksum: text, fileSize: z.int().min(0) })
const found = z.object({
  results: z
    .array(
      z.object({
        ...{ id: z.uuid(), song: text, artist: text, album: text, checksum: text },
        duration: z.number().nullable(),
        fileSize: z.int().min(0),
        year: z.int().nullable(),
        users: z.array(z.object({ ip: z.union([z.ipv4(), z.ipv6()]), port })).max(200),
      }),
    )
    .max(1_000),
  next: text.nullable(),
})
const failure = z.object({ error: z.string(), message: z.string(), detail: z.string().optional() })

type Located = z.output<typeof located>

export interface Listening {
  readonly host: string
  readonly port: number
}

export interface SongMetadata {
  readonly song: string
  readonly artist: string
  readonly album: string
  readonly duration: number | null
  readonly year: number | null
  readonly fileSize: number
  readonly checksum: string
}

/** The tracker refused a request, by the name that the error has there. */
export class TrackerError extends PeerError {
  readonly code: string

  constructor(code: string, sentence: string) {
    super(sentence)
    this.code = code
  }
}

/** Asks a tracker of the manager's kind; what it answers is checked and bounded. All methods throw PeerError. */
export class TrackerClient {
  readonly origin: string

  constructor(origin: string) {
    this.origin = origin
  }

  /** Torrents are announced there. */
  get trackers(): string[] {
    const { protocol, hostname, port: named } = new URL(this.origin)
    const overHttp = `${this.origin}/announce`
    return protocol === 'http:' ? [overHttp, `udp://${hostname}:${named === '' ? '80' : named}`] : [overHttp]
  }

  /** @param infoHash has BitTorrent's tracker take announces of it, too. @returns a new hash whose peer this one is */
  async register(listening: Listening, infoHash: string | null, signal: AbortSignal): Promise<string> {
    const body = { ...named(listening), ...(infoHash !== null && { info_hash: infoHash }) }
    return (await this.#post('/hash', body, z.object({ hash: z.uuid() }), signal)).hash
  }

  /** @returns those who share what the hash stands for. Asking makes this peer one of them. */
  async peersOf(hash: string, listening: Listening, signal: AbortSignal): Promise<FoundPeer[]> {
    const answer = await this.#post('/peers', { hash, ...named(listening) }, peers, signal)
    return answer.peers.map(({ listening_host, listening_port }) => ({ host: listening_host, port: listening_port }))
  }

  /** Goes online. @returns ids that one side has and the other has not */
  async checkIn(
    { host, port: own }: Listening,
    known: { readonly ids?: readonly string[]; readonly gone?: readonly string[] },
    signal: AbortSignal,
  ): Promise<z.output<typeof checkedIn>> {
    return this.#post('/user/checkin', { ip: host, port: own, ...known }, checkedIn, signal)
  }

  /** @returns the id of the song */
  async publish({ host, port: own }: Listening, song: SongMetadata, signal: AbortSignal): Promise<string> {
    return (await this.#post('/user/upload-metadata', { ip: host, port: own, ...song }, published, signal)).id
  }

  async search(query: URLSearchParams, signal: AbortSignal): Promise<z.output<typeof found>> {
    return this.#ask(`/search?${query}`, {}, found, signal)
  }

  /** @returns an active user that has the song. @throws TrackerError */
  async locate(id: string, signal: AbortSignal): Promise<Located> {
    return this.#ask(`/download?id=${encodeURIComponent(id)}`, {}, located, signal)
  }

  #post<T>(path: string, body: object, shape: z.ZodType<T>, signal: AbortSignal): Promise<T> {
    const headers = { 'content-type': 'application/json' }
    return this.#ask(path, { method: 'POST', headers, body: JSON.stringify(body) }, shape, signal)
  }

  async #ask<T>(path: string, init: RequestInit, shape: z.ZodType<T>, signal: AbortSignal): Promise<T> {
    const answer = await this.#read(path, { ...init, redirect: 'error' }, signal)
    const parsed = shape.safeParse(answer.json)
    if (answer.isGood && parsed.success) return parsed.data
    const error = failure.safeParse(answer.json)
    if (!answer.isGood && error.success) {
      const { message, detail } = error.data
      throw new TrackerError(
        error.data.error,
        `the tracker says: ${message}${detail === undefined ? '' : `: ${detail}`}`.slice(0, 500),
      )
    }
    throw new PeerError(`the tracker at ${this.origin} does not answer as a tracker does`)
  }

  async #read(path: string, init: RequestInit, signal: AbortSignal): Promise<{ isGood: boolean; json: unknown }> {
    try {
      using bounded = new Deadline(signal, PATIENCE_MS)
      const response = await fetch(this.origin + path, { ...init, signal: bounded.signal })
      return { isGood: response.ok, json: JSON.parse((await readBounded(response, MAX_ANSWER_BYTES)).toString('utf8')) }
    } catch (error) {
      if (signal.aborted) throw new PeerError('interrupted')
      throw new PeerError(`the tracker at ${this.origin} cannot be asked: ${reasonOf(error)}`)
    }
  }
}

function named({ host, port: own }: Listening): object {
  return { listening_host: host, listening_port: own }
}
