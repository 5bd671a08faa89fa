import { createSocket, type Socket } from 'node:dgram'
import { on, once } from 'node:events'

const PROTOCOL_ID = 0x41727101980n
const ANSWER_LIMIT_MS = 20_000

/** Speaks to a manager's tracker over UDP (BEP 15), one request after the other, and counts the bytes that travel. */
export class UdpTrackerClient implements Disposable {
  sentBytes = 0
  receivedBytes = 0
  readonly #socket: Socket
  readonly #port: number
  #transaction = 0x5000_0000

  private constructor(socket: Socket, port: number) {
    this.#socket = socket
    this.#port = port
    socket.on('message', (datagram) => {
      this.receivedBytes += datagram.length
    })
  }

  /** @param ip is an address of this machine */
  static async open(managerUrl: string, ip = '127.0.0.1'): Promise<UdpTrackerClient> {
    const socket = createSocket('udp4')
    socket.bind(0, ip)
    await once(socket, 'listening')
    return new UdpTrackerClient(socket, Number(new URL(managerUrl).port))
  }

  /** Sends a datagram for which nobody waits. */
  send(datagram: Buffer): void {
    this.sentBytes += datagram.length
    this.#socket.send(datagram, this.#port, '127.0.0.1')
  }

  /** Sends a request under a number of its own, and waits for the answer to that. */
  async ask(request: Buffer): Promise<Buffer> {
    const transaction = ++this.#transaction
    request.writeUInt32BE(transaction, 12)
    const signal = AbortSignal.timeout(ANSWER_LIMIT_MS)
    const answers = on(this.#socket, 'message', { signal })
    this.send(request)
    for await (const [answer] of answers) if (answer.readUInt32BE(4) === transaction) return answer
    throw new Error('no answer')
  }

  /** @returns the id by which this client shows that it receives what is sent to it */
  async connect(): Promise<Buffer> {
    return (await this.ask(connectRequest())).subarray(8)
  }

  [Symbol.dispose](): void {
    this.#socket.close()
  }
}

export function connectRequest(): Buffer {
  const request = Buffer.alloc(16)
  request.writeBigUInt64BE(PROTOCOL_ID)
  return request
}

export function announceRequest(id: Buffer, infoHash: Buffer, port = 6_881): Buffer {
  const request = Buffer.alloc(98)
  id.copy(request)
  request.writeUInt32BE(1, 8)
  infoHash.copy(request, 16)
  request.write('-XX0001-123456789012', 36, 'latin1')
  request.writeUInt32BE(1, 68)
  request.writeInt32BE(-1, 92)
  request.writeUInt16BE(port, 96)
  return request
}
