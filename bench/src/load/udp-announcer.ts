import { createSocket, type Socket } from 'node:dgram'
import { type Announcer, type AnnouncingPeer, PEER_ID, WANTED_PEERS } from './announcer.ts'

/** BEP 15 gives these numbers: https://www.bittorrent.org/beps/bep_0015.html */
const PROTOCOL_ID = 0x41727101980n
const CONNECT = 0
const ANNOUNCE = 1
const LEAST_ANSWER_BYTES = 20
/** A request whose answer does not come is sent again, as datagrams get lost. */
const MAX_ATTEMPTS = 5
/** It is waited for so long before that. */
const ANSWER_LIMIT_MS = 2_000

/** Announces over UDP, by one connection id, which is good for a minute. */
export class UdpAnnouncer implements Announcer {
  readonly #socket: Socket
  readonly #hashes: readonly Buffer[]
  readonly #request = Buffer.alloc(98)
  #transaction = 0
  #answered: ((answer: Buffer) => void) | null = null

  private constructor(socket: Socket, hashes: readonly Buffer[]) {
    this.#socket = socket
    this.#hashes = hashes
    socket.on('message', (answer) => {
      // An answer that comes late is no answer to the next request.
      if (answer.length >= 8 && answer.readUInt32BE(4) === this.#transaction) this.#answered?.(answer)
    })
    // A port that nobody has shows in answers that do not come.
    socket.on('error', () => undefined)
  }

  static async open(url: URL, address: string, hashes: readonly Buffer[]): Promise<UdpAnnouncer> {
    const socket = createSocket('udp4')
    await new Promise<void>((resolve) => socket.bind(0, address, resolve))
    await new Promise<void>((resolve) => socket.connect(Number(url.port), url.hostname, resolve))
    const announcer = new UdpAnnouncer(socket, hashes)
    const connect = Buffer.alloc(16)
    connect.writeBigUInt64BE(PROTOCOL_ID, 0)
    const answer = await announcer.#ask(connect)
    if (answer.readUInt32BE(0) !== CONNECT || answer.length !== 16) throw new Error('no connection id')
    const request = announcer.#request
    answer.copy(request, 0, 8)
    request.writeUInt32BE(ANNOUNCE, 8)
    PEER_ID.copy(request, 36)
    request.writeInt32BE(WANTED_PEERS, 92)
    return announcer
  }

  async announce({ swarm, port, isSeed }: AnnouncingPeer): Promise<boolean> {
    const request = this.#request
    this.#hashes[swarm]?.copy(request, 16)
    request.writeBigUInt64BE(isSeed ? 0n : 1_000_000n, 64)
    request.writeUInt16BE(port, 96)
    const answer = await this.#ask(request)
    return answer.readUInt32BE(0) === ANNOUNCE && answer.length >= LEAST_ANSWER_BYTES
  }

  close(): void {
    this.#socket.close()
  }

  #ask(request: Buffer): Promise<Buffer> {
    this.#transaction = (this.#transaction + 1) >>> 0
    request.writeUInt32BE(this.#transaction, 12)
    return new Promise((resolve, reject) => {
      let attempts = 0
      const send = (): void => {
        attempts += 1
        this.#socket.send(request)
      }
      const timer = setInterval(() => {
        if (attempts < MAX_ATTEMPTS) return send()
        clearInterval(timer)
        reject(new Error(`no answer within ${(MAX_ATTEMPTS * ANSWER_LIMIT_MS) / 1000} s`))
      }, ANSWER_LIMIT_MS)
      this.#answered = (answer) => {
        clearInterval(timer)
        this.#answered = null
        resolve(answer)
      }
      send()
    })
  }
}
