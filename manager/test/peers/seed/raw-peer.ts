import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { waitUntil } from '../../../../test/cluster/wait-until.ts'
import { handshakeOf, messageOf } from '../../../src/peers/seed/peer-messages.ts'

const HANDSHAKE_BYTES = 68

/** A BitTorrent client that sends what a test says, and nothing else. */
export class RawPeer {
  readonly socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #wake: () => void = () => undefined

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => undefined)
    socket.on('data', (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes])
      this.#wake()
    })
    socket.once('close', () => this.#wake())
  }

  static async connect(port: number, localAddress = '127.0.0.1'): Promise<RawPeer> {
    const socket = connect({ port, host: '127.0.0.1', localAddress })
    await once(socket, 'connect')
    return new RawPeer(socket)
  }

  /** Connects and shakes hands. @returns it with what the seed has said by that */
  static async greet(port: number, infoHash: string, localAddress?: string) {
    const peer = await RawPeer.connect(port, localAddress)
    peer.socket.write(handshakeOf(infoHash, Buffer.alloc(20, 'x')))
    const handshake = await peer.bytes(HANDSHAKE_BYTES)
    const bitfield = await peer.message()
    const extended = await peer.message()
    return { peer, handshake, bitfield, extended }
  }

  send(id: number, payload?: Buffer): void {
    this.socket.write(messageOf(id, payload))
  }

  /** Asks for a block, which is no promise that it comes. */
  request(index: number, begin: number, length: number): void {
    const payload = Buffer.alloc(12)
    payload.writeUInt32BE(index, 0)
    payload.writeUInt32BE(begin, 4)
    payload.writeUInt32BE(length, 8)
    this.send(6, payload)
  }

  async message(): Promise<{ id: number; payload: Buffer }> {
    const length = (await this.bytes(4)).readUInt32BE(0)
    const message = await this.bytes(length)
    return { id: message.readUInt8(0), payload: message.subarray(1) }
  }

  async bytes(count: number): Promise<Buffer> {
    while (this.#received.length < count) {
      if (this.socket.destroyed || this.socket.readableEnded) throw new Error('the seed has hung up')
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    const bytes = this.#received.subarray(0, count)
    this.#received = this.#received.subarray(count)
    return bytes
  }

  /** Resolves when the seed has hung up. */
  /** A reset is an end like any other, for what was still under way. */
  async ended(): Promise<void> {
    await waitUntil('the connection has ended', async () => this.socket.destroyed, 15_000)
  }
}
