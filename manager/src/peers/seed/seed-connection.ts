import { once } from 'node:events'
import type { Socket } from 'node:net'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { MetadataExchange } from './metadata-exchange.ts'
import type { PartCache } from './part-cache.ts'
import {
  BLOCK_HEADER_BYTES,
  type BlockRequest,
  fullBitfieldOf,
  handshakeOf,
  MessageReader,
  messageIds,
  messageOf,
  type Received,
  readBlockRequest,
  writeBlockHeader,
} from './peer-messages.ts'
import type { SeededTorrent } from './seeded-torrents.ts'
import type { UploadSlots } from './upload-slots.ts'

export interface SeedConnectionDeps {
  /** It has 20 bytes. */
  readonly peerId: Buffer
  /** @returns null where no stored file has the info-hash */
  readonly find: (infoHash: string) => Promise<SeededTorrent | null>
  readonly parts: Pick<PartCache, 'read'>
  readonly slots: UploadSlots
  /** Waits until the peer may send a further message. */
  readonly pace: (signal: AbortSignal) => Promise<void>
  readonly timing?: SeedTiming
}

export interface SeedTiming {
  /** A peer has to have sent its handshake by then. */
  readonly handshakeMs: number
  /** One that has asked for nothing, or taken nothing, for this long is let go. */
  readonly idleMs: number
}

const TIMING: SeedTiming = { handshakeMs: 10_000, idleMs: 120_000 }
/** Clients ask for 16 KiB at a time. */
const MAX_BLOCK_BYTES = 128 * 1024
/** While so many requests wait nothing more is read from their peer. */
const MAX_REQUESTS = 1_000

/** Serves one peer that loads a stored file from here. It is never asked for anything, and what it has does not matter. */
export class SeedConnection {
  readonly #socket: Socket
  readonly #deps: SeedConnectionDeps
  readonly #timing: SeedTiming
  readonly #end = new AbortController()
  readonly #requests: BlockRequest[] = []
  #timer: NodeJS.Timeout
  #sending: Promise<void> | null = null
  #torrent: SeededTorrent | null = null
  #metadata: MetadataExchange | null = null
  #block: Buffer = Buffer.alloc(0)

  constructor(socket: Socket, deps: SeedConnectionDeps) {
    this.#socket = socket
    this.#deps = deps
    this.#timing = deps.timing ?? TIMING
    this.#timer = setTimeout(() => socket.destroy(), this.#timing.handshakeMs)
    socket.once('close', () => this.#end.abort())
  }

  /** Serves the peer until one of both ends it. @throws why it was ended */
  async run(): Promise<void> {
    const reader = new MessageReader()
    const { signal } = this.#end
    try {
      for await (const bytes of this.#socket)
        for (const received of reader.take(bytes as Buffer)) {
          await this.#deps.pace(signal)
          await this.#take(received)
          // A peer that takes no answers gets no further ones.
          if (this.#socket.writableNeedDrain) await once(this.#socket, 'drain', { signal })
        }
    } finally {
      clearTimeout(this.#timer)
      this.#socket.destroy()
      this.#deps.slots.leave(this)
      this.#requests.length = 0
    }
  }

  /** Lets the peer ask for blocks. */
  unchoke(): void {
    this.#socket.write(messageOf(messageIds.unchoke))
  }

  async #take(received: Received): Promise<void> {
    if (received.kind === 'handshake') await this.#greet(received)
    else if (received.kind === 'message' && this.#torrent !== null)
      await this.#takeMessage(this.#torrent, received.id, received.payload)
  }

  async #greet({ infoHash, knowsExtensions }: Extract<Received, { kind: 'handshake' }>): Promise<void> {
    const torrent = await this.#deps.find(infoHash)
    if (torrent === null) throw new StoreError('FILE_NOT_FOUND', 'no stored file has this info-hash')
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#socket.destroy(), this.#timing.idleMs)
    this.#torrent = torrent
    this.#metadata = new MetadataExchange(torrent.info)
    this.#socket.write(
      Buffer.concat([
        handshakeOf(infoHash, this.#deps.peerId),
        fullBitfieldOf(torrent.pieceCount),
        ...(knowsExtensions ? [this.#metadata.handshake()] : []),
      ]),
    )
  }

  async #takeMessage(torrent: SeededTorrent, id: number, payload: Buffer): Promise<void> {
    const { slots } = this.#deps
    switch (id) {
      case messageIds.interested:
        return slots.want(this)
      case messageIds.notInterested:
        if (slots.has(this)) this.#socket.write(messageOf(messageIds.choke))
        this.#requests.length = 0
        return slots.leave(this)
      case messageIds.request:
        return this.#takeRequest(torrent, readBlockRequest(payload))
      case messageIds.cancel:
        return this.#cancel(readBlockRequest(payload))
      case messageIds.extended:
        return this.#answerExtended(payload)
      case messageIds.hashRequest:
        // A hybrid has the digests of version 1, by which a client does without those of version 2 (BEP 52).
        return void this.#socket.write(messageOf(messageIds.hashReject, payload))
      case messageIds.piece:
        throw new StoreError('INVALID_REQUEST', 'nobody has asked for a piece here')
      default:
    }
  }

  async #takeRequest(torrent: SeededTorrent, request: BlockRequest): Promise<void> {
    const { index, begin, length } = request
    const pieceEnd = Math.min(torrent.pieceLength, torrent.size - index * torrent.pieceLength)
    if (length === 0 || length > MAX_BLOCK_BYTES || begin + length > pieceEnd)
      throw new StoreError('INVALID_REQUEST', 'there is no such block')
    // It was sent before its peer knew that it may not ask.
    if (!this.#deps.slots.has(this)) return
    this.#requests.push(request)
    this.#timer.refresh()
    this.#sending ??= this.#sendBlocks(torrent)
    if (this.#requests.length >= MAX_REQUESTS) await this.#sending
  }

  #cancel({ index, begin }: BlockRequest): void {
    const place = this.#requests.findIndex((request) => request.index === index && request.begin === begin)
    if (place >= 0) this.#requests.splice(place, 1)
  }

  #answerExtended(payload: Buffer): void {
    const answer = this.#metadata?.answer(payload) ?? null
    if (answer === null) return
    this.#timer.refresh()
    this.#socket.write(answer)
  }

  /** Sends one block after the other, each when the peer has taken the one before. */
  async #sendBlocks(torrent: SeededTorrent): Promise<void> {
    try {
      for (let next = this.#requests.shift(); next !== undefined; next = this.#requests.shift()) {
        await this.#sendBlock(torrent, next)
        this.#timer.refresh()
      }
      this.#sending = null
    } catch (error) {
      // Whoever reads from the connection meets it there.
      this.#socket.destroy(error as Error)
    }
  }

  async #sendBlock(torrent: SeededTorrent, request: BlockRequest): Promise<void> {
    const size = BLOCK_HEADER_BYTES + request.length
    // The memory is free again, for the block before has been taken.
    if (this.#block.length < size) this.#block = Buffer.allocUnsafeSlow(size)
    const message = this.#block.subarray(0, size)
    writeBlockHeader(message, request)
    const start = request.index * torrent.pieceLength + request.begin
    const record = await torrent.record()
    await this.#deps.parts.read(record, start, message.subarray(BLOCK_HEADER_BYTES), this.#end.signal)
    await new Promise<void>((resolve, reject) => {
      this.#socket.write(message, (error) => (error == null ? resolve() : reject(error)))
    })
  }
}
