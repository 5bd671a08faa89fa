/** No server that is measured sends a longer head. */
const MAX_HEAD_BYTES = 16 * 1024
/** An error quotes so much of an unexpected answer. */
const TOLD_BYTES = 300
const HEAD_END = Buffer.from('\r\n\r\n')

export interface WantedAnswer {
  readonly status: number
  /** The body must consist of these bytes, in pieces of any size; it is null where any body will do. */
  readonly body: { readonly sizeBytes: number; readonly pieceAt: (offset: number) => Buffer } | null
  /** Any other body must begin with this. */
  readonly beginsWith?: Buffer
}

/** Reads one HTTP/1.1 answer after the other from one connection, and refuses what it does not understand. */
export class ResponseReader {
  #wanted: WantedAnswer | null = null
  #head = Buffer.alloc(0)
  #status = 0
  #lengthBytes = 0
  #readBytes = -1
  #told = ''

  /** Says what the next answer must be. */
  expect(wanted: WantedAnswer): void {
    this.#wanted = wanted
    this.#readBytes = -1
    this.#told = ''
  }

  /** @returns whether the answer is complete @throws where it is not the wanted one */
  push(chunk: Buffer): boolean {
    const wanted = this.#wanted
    if (wanted === null) throw new Error('bytes that nobody asked for')
    const body = this.#readBytes < 0 ? this.#readHead(chunk, wanted) : chunk
    if (body === null) return false
    this.#readBody(body, wanted)
    if (this.#readBytes < this.#lengthBytes) return false
    if (this.#status !== wanted.status) throw new Error(`${this.#status} ${this.#told}`)
    this.#wanted = null
    return true
  }

  /** @returns what came of the body, or null while the head is not complete */
  #readHead(chunk: Buffer, wanted: WantedAnswer): Buffer | null {
    const bytes = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk])
    const end = bytes.indexOf(HEAD_END)
    if (end < 0) {
      if (bytes.length > MAX_HEAD_BYTES) throw new Error('an answer without an end of its head')
      // The memory of these bytes is used again for the next read.
      this.#head = Buffer.from(bytes)
      return null
    }
    const head = bytes.toString('latin1', 0, end)
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
    if (!head.startsWith('HTTP/1.1 ') || length === undefined || /\r\ntransfer-encoding:/i.test(head))
      throw new Error(`an answer without a length: ${head.slice(0, TOLD_BYTES)}`)
    this.#head = Buffer.alloc(0)
    this.#status = Number(head.slice(9, 12))
    this.#lengthBytes = Number(length)
    this.#readBytes = 0
    if (this.#status === wanted.status && wanted.body !== null && wanted.body.sizeBytes !== this.#lengthBytes)
      throw new Error(`${this.#lengthBytes} bytes instead of ${wanted.body.sizeBytes}`)
    return bytes.subarray(end + HEAD_END.length)
  }

  #readBody(bytes: Buffer, wanted: WantedAnswer): void {
    const startsAt = this.#readBytes
    this.#readBytes += bytes.length
    if (this.#readBytes > this.#lengthBytes) throw new Error('more bytes than the answer has')
    if (this.#status !== wanted.status) this.#told += bytes.toString('latin1', 0, TOLD_BYTES - this.#told.length)
    else if (wanted.body !== null) compareBytes(bytes, startsAt, wanted.body.pieceAt)
    else if (wanted.beginsWith !== undefined) compareBeginning(bytes, startsAt, wanted.beginsWith)
  }
}

function compareBeginning(bytes: Buffer, startsAt: number, beginning: Buffer): void {
  const wanted = beginning.subarray(startsAt, startsAt + bytes.length)
  if (!bytes.subarray(0, wanted.length).equals(wanted))
    throw new Error(`an answer that is not wanted: ${bytes.toString('latin1', 0, TOLD_BYTES)}`)
}

/** @param pieceAt what must stand at an offset, at least one byte of it. */
function compareBytes(bytes: Buffer, startsAt: number, pieceAt: (offset: number) => Buffer): void {
  for (let done = 0; done < bytes.length; ) {
    const piece = pieceAt(startsAt + done)
    const length = Math.min(piece.length, bytes.length - done)
    if (piece.compare(bytes, done, done + length, 0, length) !== 0) throw new Error('wrong bytes')
    done += length
  }
}
