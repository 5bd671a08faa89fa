/** A WebSocket message, or a Socket.IO packet with all its attachments, as it travels. */
export interface WireMessage {
  readonly bytes: Buffer
  /** It is the event that carries commands or acks, and null for anything else, such as a ping or the handshake. */
  readonly event: string | null
  /** The text of Engine.IO is empty where a message has none. */
  readonly text: string
}

interface Frame {
  readonly bytes: Buffer
  readonly opcode: number
  readonly payload: Buffer
}

const TEXT = 1
const HEAD_END = Buffer.from('\r\n\r\n')
/**
 * It matches `42/file-server,["list-copies",…` and, with one attachment behind it,
 * `451-/file-server,["upload-frame",…`.
 */
const packet = /^4(?:2|5(\d+)-)\/file-server,\d*\["([a-z-]+)"/
const binaryAck = /^46(\d+)-/

/** Cuts one direction of a Socket.IO connection over WebSocket into whole messages (RFC 6455, section 5.2). */
export class WireMessages {
  #waiting: Buffer = Buffer.alloc(0)
  #isUpgraded = false
  /** This packet still lacks attachments. */
  #open: { readonly event: string | null; readonly text: string; readonly frames: Buffer[]; missing: number } | null =
    null

  /**
   * @returns the messages that are complete. The HTTP upgrade before the first one comes as a message without event and
   * text.
   */
  take(bytes: Buffer): WireMessage[] {
    this.#waiting = this.#waiting.length === 0 ? bytes : Buffer.concat([this.#waiting, bytes])
    const messages: WireMessage[] = []
    if (!this.#isUpgraded) {
      const end = this.#waiting.indexOf(HEAD_END)
      if (end < 0) return []
      this.#isUpgraded = true
      messages.push({ bytes: this.#shift(end + HEAD_END.length), event: null, text: '' })
    }
    for (let frame = this.#takeFrame(); frame !== null; frame = this.#takeFrame()) {
      const message = this.#join(frame)
      if (message !== null) messages.push(message)
    }
    return messages
  }

  #join(frame: Frame): WireMessage | null {
    if (this.#open !== null && frame.opcode !== TEXT && frame.opcode < 8) {
      this.#open.frames.push(frame.bytes)
      return --this.#open.missing > 0 ? null : this.#close(this.#open)
    }
    const text = frame.opcode === TEXT ? frame.payload.toString() : ''
    const command = packet.exec(text)
    const missing = Number(command?.[1] ?? binaryAck.exec(text)?.[1] ?? 0)
    const open = { event: command?.[2] ?? null, text, frames: [frame.bytes], missing }
    if (missing === 0) return { bytes: frame.bytes, event: open.event, text }
    this.#open = open
    return null
  }

  #close({ event, text, frames }: { event: string | null; text: string; frames: Buffer[] }): WireMessage {
    this.#open = null
    return { bytes: Buffer.concat(frames), event, text }
  }

  #takeFrame(): Frame | null {
    const [first = 0, second = 0] = this.#waiting
    const short = second & 0x7f
    const maskBytes = second & 0x80 ? 4 : 0
    const lengthBytes = short === 126 ? 4 : short === 127 ? 10 : 2
    const headBytes = lengthBytes + maskBytes
    if (this.#waiting.length < headBytes) return null
    const length =
      short === 126 ? this.#waiting.readUInt16BE(2) : short === 127 ? Number(this.#waiting.readBigUInt64BE(2)) : short
    if (this.#waiting.length < headBytes + length) return null
    const bytes = this.#shift(headBytes + length)
    const mask = bytes.subarray(lengthBytes, headBytes)
    const payload = bytes.subarray(headBytes)
    return { bytes, opcode: first & 0x0f, payload: maskBytes === 0 ? payload : unmasked(payload, mask) }
  }

  #shift(length: number): Buffer {
    const shifted = this.#waiting.subarray(0, length)
    this.#waiting = this.#waiting.subarray(length)
    return shifted
  }
}

function unmasked(payload: Buffer, mask: Buffer): Buffer {
  return Buffer.from(payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0)))
}
