import { StoreError } from '@holdfast/shared/errors/store-error'

/** BEP 3 gives these numbers, and BEP 10 and BEP 52 add to them: https://www.bittorrent.org/beps/bep_0003.html#peer-messages */
export const messageIds = {
  ...{ choke: 0, unchoke: 1, interested: 2, notInterested: 3, bitfield: 5, request: 6, piece: 7, cancel: 8 },
  ...{ extended: 20, hashRequest: 21, hashReject: 23 },
} as const

/** A peer has sent one of these. */
export type Received =
  | { readonly kind: 'handshake'; readonly infoHash: string; readonly knowsExtensions: boolean }
  | { readonly kind: 'message'; readonly id: number; readonly payload: Buffer }
  | { readonly kind: 'keep-alive' }

/** A peer asks for this span of a piece. */
export interface BlockRequest {
  readonly index: number
  readonly begin: number
  readonly length: number
}

const PROTOCOL = Buffer.from('\x13BitTorrent protocol', 'latin1')
const EXTENSIONS_BYTE = PROTOCOL.length + 5
const KNOWS_EXTENSIONS = 0x10
const INFO_HASH_START = PROTOCOL.length + 8
const PEER_ID_START = INFO_HASH_START + 20
const HANDSHAKE_BYTES = PEER_ID_START + 20
const LENGTH_BYTES = 4
/** The longest message that a peer has to send to a seed is the bitfield of a torrent, of which this holds 131,072 pieces. */
const MAX_MESSAGE_BYTES = 16 * 1024
const NOTHING = Buffer.alloc(0)

/** A block is sent with so many bytes before it. */
export const BLOCK_HEADER_BYTES = LENGTH_BYTES + 9

/** @param infoHash in 40 hex digits */
export function handshakeOf(infoHash: string, peerId: Buffer): Buffer {
  const handshake = Buffer.alloc(HANDSHAKE_BYTES)
  PROTOCOL.copy(handshake)
  handshake.writeUInt8(KNOWS_EXTENSIONS, EXTENSIONS_BYTE)
  handshake.write(infoHash, INFO_HASH_START, 'hex')
  peerId.copy(handshake, PEER_ID_START)
  return handshake
}

export function messageOf(id: number, payload: Buffer = NOTHING): Buffer {
  const message = Buffer.alloc(LENGTH_BYTES + 1 + payload.length)
  message.writeUInt32BE(1 + payload.length, 0)
  message.writeUInt8(id, LENGTH_BYTES)
  payload.copy(message, LENGTH_BYTES + 1)
  return message
}

/** @returns the message by which a seed says that it has every piece */
export function fullBitfieldOf(pieceCount: number): Buffer {
  const bits = Buffer.alloc(Math.ceil(pieceCount / 8), 0xff)
  const spare = bits.length * 8 - pieceCount
  bits.writeUInt8((0xff << spare) & 0xff, bits.length - 1)
  return messageOf(messageIds.bitfield, bits)
}

/** Writes what stands before the bytes of a block. */
export function writeBlockHeader(message: Buffer, { index, begin, length }: BlockRequest): void {
  message.writeUInt32BE(9 + length, 0)
  message.writeUInt8(messageIds.piece, LENGTH_BYTES)
  message.writeUInt32BE(index, LENGTH_BYTES + 1)
  message.writeUInt32BE(begin, LENGTH_BYTES + 5)
}

/** Reads the payload of a request, or of its cancel. @throws INVALID_REQUEST */
export function readBlockRequest(payload: Buffer): BlockRequest {
  if (payload.length !== 12) throw new StoreError('INVALID_REQUEST', 'a request has 13 bytes')
  return { index: payload.readUInt32BE(0), begin: payload.readUInt32BE(4), length: payload.readUInt32BE(8) }
}

/** Cuts what a peer sends into its handshake and its messages, however the bytes come. It keeps one message at most. */
export class MessageReader {
  #isGreeted = false
  #rest: Buffer = NOTHING;

  /** Gives what is whole by then, each only when it is asked for. @throws INVALID_REQUEST for what no peer sends */
  *take(bytes: Buffer): Generator<Received> {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    for (let next = this.#next(); next !== null; next = this.#next()) yield next
    // A small rest must not keep the memory of all that came with it.
    this.#rest = Buffer.from(this.#rest)
  }

  #next(): Received | null {
    if (!this.#isGreeted) return this.#handshake()
    if (this.#rest.length < LENGTH_BYTES) return null
    const length = this.#rest.readUInt32BE(0)
    if (length > MAX_MESSAGE_BYTES) throw new StoreError('INVALID_REQUEST', 'the message is too long')
    if (this.#rest.length < LENGTH_BYTES + length) return null
    const message = this.#cut(LENGTH_BYTES + length)
    if (length === 0) return { kind: 'keep-alive' }
    return { kind: 'message', id: message.readUInt8(LENGTH_BYTES), payload: message.subarray(LENGTH_BYTES + 1) }
  }

  /** What begins otherwise is refused at its first byte: a client that tries encryption first goes on without it then. */
  #handshake(): Received | null {
    const known = Math.min(this.#rest.length, PROTOCOL.length)
    if (this.#rest.compare(PROTOCOL, 0, known, 0, known) !== 0)
      throw new StoreError('INVALID_REQUEST', 'this is not the protocol of BitTorrent')
    if (this.#rest.length < HANDSHAKE_BYTES) return null
    this.#isGreeted = true
    const handshake = this.#cut(HANDSHAKE_BYTES)
    return {
      kind: 'handshake',
      infoHash: handshake.toString('hex', INFO_HASH_START, PEER_ID_START),
      knowsExtensions: (handshake.readUInt8(EXTENSIONS_BYTE) & KNOWS_EXTENSIONS) !== 0,
    }
  }

  #cut(length: number): Buffer {
    const cut = this.#rest.subarray(0, length)
    this.#rest = this.#rest.subarray(length)
    return cut
  }
}
