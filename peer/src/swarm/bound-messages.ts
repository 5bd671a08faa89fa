import { MAX_PIECE_LENGTH } from '@holdfast/shared/node/torrent/metainfo'
import Wire from 'bittorrent-protocol'
import { checkedExtensions } from './checked-extensions.ts'

/** A bitfield has at most 32 KiB, a block 128 KiB. */
const MAX_MESSAGE_BYTES = 1024 * 1024
/** A web seed's messages come from this process, a whole piece at a time. */
const MAX_OWN_BYTES = MAX_PIECE_LENGTH + 16
/** So much of what one peer has asked for is in memory at a time: blocks that are read, and bytes that wait to be sent. */
const MAX_READING = 32
const MAX_QUEUED_BYTES = 1024 * 1024
/** webtorrent asks for what it loads in a second; these are 128 MiB. */
const MAX_HELD_REQUESTS = 8_192
/** Blocks wait to be sent, but what a torrent is of does not: whoever has so much of it unread is disconnected. */
const MAX_UNREAD_BYTES = 8 * 1024 * 1024
/** After a cancelled request or a choke a few blocks are still on their way. */
const MAX_UNREQUESTED = 500

type Block = [index: number, offset: number, length: number]

/**
 * Bounds what a peer can have this process keep in memory. The protocol's reader waits for as many bytes as a peer says that
 * it will send, up to 4 GiB; it answers requests whether or not the answers can be sent, and passes on blocks that nobody has
 * asked for. What one peer sends never ends more than his own connection.
 */
export function boundMessages(): void {
  const prototype = Wire.prototype as Wire & { isBounded?: boolean }
  if (prototype.isBounded) return
  Object.assign(
    prototype,
    { isBounded: true },
    boundedLength(prototype),
    requestsInTurn(prototype),
    askedFor(prototype),
    checkedExtensions(prototype),
    endedByErrors(prototype),
  )
}

/** What is thrown for a message would end the process, because nobody waits for the stream that brings it. */
function endedByErrors({ _processBuffer: readAll, _onMessage: read }: Wire): Partial<Wire> {
  return {
    _processBuffer(this: Wire): void {
      try {
        readAll.call(this)
      } catch (error) {
        this._parse(Number.MAX_VALUE, () => undefined)
        this.emit('failed', error)
        this.destroy()
      }
    },
    _onMessage(this: Wire, bytes: Uint8Array): void {
      const isStranger = /^(tcp|utp)/.test(this.type)
      const room = MAX_UNREAD_BYTES + (this.ut_metadata?._metadataSize ?? 0)
      if (isStranger && this._readableState.buffered > room) throw new Error('it does not read what it is sent')
      read.call(this, bytes)
    },
  }
}

function boundedLength({ _onMessageLength: readLength }: Wire): Partial<Wire> {
  return {
    _onMessageLength(this: Wire, bytes: Uint8Array): void {
      const length = Buffer.from(bytes).readUInt32BE()
      if (length > (this.type === 'webSeed' ? MAX_OWN_BYTES : MAX_MESSAGE_BYTES)) this.destroy()
      else readLength.call(this, bytes)
    },
  }
}

/** Requests wait until what was asked for before is sent, so that whoever does not read costs no more than their numbers. */
function requestsInTurn({ _onRequest, _onCancel, _read, piece, choke }: Wire): Partial<Wire> {
  const held = new WeakMap<Wire, Block[]>()
  const proceed = (wire: Wire): void => {
    const waiting = held.get(wire) ?? []
    while (
      waiting.length > 0 &&
      wire.peerRequests.length < MAX_READING &&
      wire._readableState.buffered < MAX_QUEUED_BYTES
    )
      _onRequest.apply(wire, waiting.shift() as Block)
  }
  return {
    _onRequest(this: Wire, ...block: Block): void {
      const waiting = held.get(this) ?? []
      held.set(this, waiting)
      waiting.push(block)
      if (waiting.length <= MAX_HELD_REQUESTS) proceed(this)
      else {
        held.delete(this)
        this.destroy()
      }
    },
    _onCancel(this: Wire, ...block: Block): void {
      const at = held.get(this)?.findIndex((one) => one.every((value, index) => value === block[index])) ?? -1
      if (at >= 0) held.get(this)?.splice(at, 1)
      else _onCancel.apply(this, block)
    },
    /** Whoever is choked is told that none of his requests will be answered. */
    choke(this: Wire): void {
      choke.call(this)
      for (const block of held.get(this)?.splice(0) ?? []) _onRequest.apply(this, block)
    },
    piece(this: Wire, ...answer: [number, number, Uint8Array]): void {
      piece.apply(this, answer)
      proceed(this)
    },
    /** The stream calls this when what it held is sent. */
    _read(this: Wire, done: (error: Error | null) => void): void {
      _read.call(this, done)
      proceed(this)
    },
  }
}

function askedFor({ _onPiece }: Wire): Partial<Wire> {
  const unrequested = new WeakMap<Wire, number>()
  return {
    _onPiece(this: Wire, index: number, offset: number, bytes: Uint8Array): void {
      const isRequested = this.requests.some(
        (wish) => wish.piece === index && wish.offset === offset && wish.length === bytes.length,
      )
      if (isRequested) {
        _onPiece.call(this, index, offset, bytes)
        return
      }
      const count = (unrequested.get(this) ?? 0) + 1
      unrequested.set(this, count)
      if (count > MAX_UNREQUESTED) this.destroy()
    },
  }
}
