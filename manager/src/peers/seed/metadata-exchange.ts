import { StoreError } from '@holdfast/shared/errors/store-error'
import { decodeBencode, encodeBencode } from '@holdfast/shared/node/torrent/bencode'
import { messageIds, messageOf } from './peer-messages.ts'

/** BEP 10 gives this number: https://www.bittorrent.org/beps/bep_0010.html */
const HANDSHAKE_ID = 0
/** A peer sends its requests for metadata (BEP 9) under this, which the handshake tells it. */
const METADATA_ID = 1
const METADATA_PIECE_BYTES = 16 * 1024
const REQUEST = 0
const DATA = 1
const REJECT = 2
const MAX_EXTENDED_BYTES = 4 * 1024
const MAX_VALUES = 1_000
const MAX_ID = 255
/** This many requests a peer may have waiting here. */
const TOLD_QUEUE = 500

/** Gives one peer the metadata of a torrent, so that a magnet link is enough (BEP 9). */
export class MetadataExchange {
  readonly #info: Buffer
  /** The peer wants what it asked for to be sent under this. */
  #peersId = 0

  /** @param info the bencoded dictionary whose digest is the info-hash */
  constructor(info: Buffer) {
    this.#info = info
  }

  /** @returns the message that says what is understood here */
  handshake(): Buffer {
    const said = {
      ...{ m: { ut_metadata: METADATA_ID }, metadata_size: this.#info.length, reqq: TOLD_QUEUE },
      ...{ upload_only: 1, v: 'Holdfast' },
    }
    return extended(HANDSHAKE_ID, encodeBencode(said))
  }

  /** @returns the answer to a message, or null where there is none. @throws INVALID_REQUEST where no peer sends that */
  answer(payload: Buffer): Buffer | null {
    if (payload.length > MAX_EXTENDED_BYTES) throw new StoreError('INVALID_REQUEST', 'the extended message is too long')
    const id = payload[0]
    if (id === HANDSHAKE_ID) this.#learn(readMessage(payload.subarray(1)))
    return id === METADATA_ID ? this.#answerRequest(readMessage(payload.subarray(1))) : null
  }

  #learn(handshake: unknown): void {
    const ids = fieldOf(handshake, 'm')
    const id = ids === undefined ? undefined : fieldOf(ids, 'ut_metadata')
    if (id === undefined) return
    if (typeof id !== 'number' || id < 0 || id > MAX_ID)
      throw new StoreError('INVALID_REQUEST', 'ut_metadata is no id of a message')
    this.#peersId = id
  }

  #answerRequest(request: unknown): Buffer | null {
    const [type, piece] = [fieldOf(request, 'msg_type'), fieldOf(request, 'piece')]
    if (typeof type !== 'number' || typeof piece !== 'number')
      throw new StoreError('INVALID_REQUEST', 'a request for metadata names a type and a piece')
    // Whoever has told no id has nothing to be answered under.
    if (type !== REQUEST || this.#peersId === 0) return null
    const start = piece * METADATA_PIECE_BYTES
    if (piece < 0 || start >= this.#info.length)
      return extended(this.#peersId, encodeBencode({ msg_type: REJECT, piece }))
    const bytes = this.#info.subarray(start, start + METADATA_PIECE_BYTES)
    const header = encodeBencode({ msg_type: DATA, piece, total_size: this.#info.length })
    return extended(this.#peersId, Buffer.concat([header, bytes]))
  }
}

/** @throws INVALID_REQUEST where the bytes are not bencoded */
function readMessage(bytes: Buffer): unknown {
  try {
    return decodeBencode(bytes, MAX_VALUES)
  } catch (cause) {
    throw new StoreError('INVALID_REQUEST', 'the extended message is not bencoded', { cause })
  }
}

/** @throws INVALID_REQUEST where the value is no dictionary */
function fieldOf(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw new StoreError('INVALID_REQUEST', 'this is no dictionary')
  return (value as Record<string, unknown>)[key]
}

function extended(id: number, payload: Buffer): Buffer {
  return messageOf(messageIds.extended, Buffer.concat([Buffer.of(id), payload]))
}
