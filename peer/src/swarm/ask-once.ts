import Wire, { type BlockRequest, type GotBlock } from 'bittorrent-protocol'

/**
 * Has a block that a peer is asked for a second time wait for the answer that is on its way. webtorrent asks again where
 * somebody has taken over a block and gone; the end that answers loses both answers where the second is ready first, and the
 * download stands still until the connection is given up.
 */
export function askOnce(): void {
  const prototype = Wire.prototype as Wire & { asksOnce?: boolean }
  if (prototype.asksOnce) return
  const { request } = prototype
  Object.assign(prototype, {
    asksOnce: true,
    request(this: Wire, index: number, offset: number, length: number, done: GotBlock): void {
      const same = ({ piece, offset: at, length: size }: BlockRequest) =>
        piece === index && at === offset && size === length
      const asked = this.requests.find(same)
      if (asked === undefined) {
        request.call(this, index, offset, length, done)
        return
      }
      const { callback } = asked
      asked.callback = (error, bytes) => {
        callback(error, bytes)
        done(error, bytes)
      }
    },
  })
}
