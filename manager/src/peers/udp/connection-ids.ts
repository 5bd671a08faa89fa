import { createHmac, timingSafeEqual } from 'node:crypto'

const WINDOW_MS = 60_000
export const CONNECTION_ID_BYTES = 8

/**
 * Makes and checks the ids by which a UDP client shows that it receives what is sent to its address (BEP 15). An id is a
 * signature over address, port and time, so that nothing is kept of whoever asks. It counts for one minute at least and two at
 * most.
 */
export class ConnectionIds {
  readonly #secret: Buffer

  /** @param clusterSecret all managers take each other's ids, also after a restart */
  constructor(clusterSecret: string) {
    this.#secret = createHmac('sha256', clusterSecret).update('udp tracker connection ids').digest()
  }

  /** @param now milliseconds of the wall clock */
  make(address: Buffer, port: number, now: number): Buffer {
    return this.#sign(address, port, Math.floor(now / WINDOW_MS))
  }

  /** @param id a datagram of eight bytes at least, which begins with it */
  isValid(id: Buffer, address: Buffer, port: number, now: number): boolean {
    const window = Math.floor(now / WINDOW_MS)
    const given = id.subarray(0, CONNECTION_ID_BYTES)
    return [window, window - 1].some((made) => timingSafeEqual(this.#sign(address, port, made), given))
  }

  #sign(address: Buffer, port: number, window: number): Buffer {
    const message = Buffer.alloc(address.length + 8)
    address.copy(message)
    message.writeUInt16BE(port, address.length)
    message.writeUIntBE(window, address.length + 2, 6)
    return createHmac('sha256', this.#secret).update(message).digest().subarray(0, CONNECTION_ID_BYTES)
  }
}
