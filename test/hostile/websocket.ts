import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const
export const ENGINE_PATH = '/socket.io/?EIO=4&transport=websocket'

/** Describes a frame that may be wrong in any way (RFC 6455, section 5.2). */
export interface FrameOptions {
  readonly opcode?: number
  readonly isFinal?: boolean
  readonly isMasked?: boolean
  /** A frame has three reserved bits. */
  readonly reserved?: number
  /** The frame claims this length. */
  readonly claimedLength?: bigint
}

export function frame(payload: Buffer | string, options: FrameOptions = {}): Buffer {
  const { opcode = OPCODE.text, isFinal = true, isMasked = true, reserved = 0 } = options
  const bytes = Buffer.from(payload)
  const length = options.claimedLength ?? BigInt(bytes.length)
  const head = Buffer.alloc(10)
  head[0] = (isFinal ? 0x80 : 0) | (reserved << 4) | opcode
  let headLength = 2
  const maskBit = isMasked ? 0x80 : 0
  if (length < 126n) head[1] = maskBit | Number(length)
  else if (length < 65_536n) {
    head[1] = maskBit | 126
    headLength = head.writeUInt16BE(Number(length), 2)
  } else {
    head[1] = maskBit | 127
    headLength = head.writeBigUInt64BE(length, 2)
  }
  // A mask of zeros leaves the payload as it is.
  return Buffer.concat([head.subarray(0, headLength), Buffer.alloc(isMasked ? 4 : 0), bytes])
}

export function upgradeRequest(path = ENGINE_PATH, headers: readonly string[] = []): Buffer {
  const key = randomBytes(16).toString('base64')
  const own = [
    'Host: 127.0.0.1',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${key}`,
  ]
  // A header that is given replaces the one of the same name.
  const given = headers.map((header) => header.split(':')[0])
  const lines = [`GET ${path} HTTP/1.1`, ...own.filter((header) => !given.includes(header.split(':')[0])), ...headers]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}

export interface RawWebSocketEvents {
  readonly onOpen?: (socket: RawWebSocket) => void
  readonly onText?: (text: string, socket: RawWebSocket) => void
  readonly onBinary?: (bytes: Buffer, socket: RawWebSocket) => void
}

/** A WebSocket made by hand, which sends whatever it is told to. */
export class RawWebSocket {
  /** Resolves with the status of an answer that is no upgrade, or with 101 when the connection is over. */
  readonly closed: Promise<number | null>
  readonly #socket: Socket
  readonly #events: RawWebSocketEvents
  #received: Buffer = Buffer.alloc(0)
  #status: number | null = null
  readonly #pongWaiters: (() => void)[] = []

  constructor(port: number, request: Buffer, events: RawWebSocketEvents) {
    this.#events = events
    this.#socket = connect(port, '127.0.0.1')
    this.closed = new Promise((resolve) => this.#socket.once('close', () => resolve(this.#status)))
    // The other side may close with an error, so only the close counts.
    this.#socket.on('error', () => this.#socket.destroy())
    this.#socket.on('data', (data) => this.#take(data))
    this.#socket.write(request)
  }

  write(bytes: Buffer): void {
    if (!this.#socket.destroyed) this.#socket.write(bytes)
  }

  sendText(text: string): void {
    this.write(frame(text))
  }

  /** Waits until all that was sent before has been read, or the connection is over. */
  async isRead(): Promise<void> {
    const pong = new Promise<void>((resolve) => this.#pongWaiters.push(resolve))
    this.write(frame('', { opcode: OPCODE.ping }))
    await Promise.race([pong, this.closed])
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #take(data: Buffer): void {
    this.#received = this.#received.length === 0 ? data : Buffer.concat([this.#received, data])
    if (this.#status === null) {
      const end = this.#received.indexOf('\r\n\r\n')
      if (end < 0) return
      this.#status = Number(this.#received.subarray(9, 12).toString('latin1'))
      this.#received = this.#received.subarray(end + 4)
      if (this.#status !== 101) return void this.#socket.end()
      this.#events.onOpen?.(this)
    }
    while (this.#takeFrame()) {
      // What is left is no whole frame.
    }
  }

  #takeFrame(): boolean {
    const [first = 0, second = 0] = this.#received
    const short = second & 0x7f
    const headLength = short === 126 ? 4 : short === 127 ? 10 : 2
    if (this.#received.length < Math.max(2, headLength)) return false
    const length =
      short === 126 ? this.#received.readUInt16BE(2) : short === 127 ? Number(this.#received.readBigUInt64BE(2)) : short
    if (this.#received.length < headLength + length) return false
    const payload = this.#received.subarray(headLength, headLength + length)
    this.#received = this.#received.subarray(headLength + length)
    if ((first & 0x0f) === OPCODE.close) this.#socket.end()
    if ((first & 0x0f) === OPCODE.pong) this.#pongWaiters.shift()?.()
    if ((first & 0x0f) === OPCODE.text) this.#events.onText?.(payload.toString(), this)
    if ((first & 0x0f) === OPCODE.binary) this.#events.onBinary?.(payload, this)
    return true
  }
}
