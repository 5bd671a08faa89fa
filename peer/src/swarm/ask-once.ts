import Wire, { type GotBlock } from 'bittorrent-protocol'

/**
 * Has a block that a peer is asked for a second time wait for the answer that is on its way. webtorrent asks again where
 * somebody has taken over a block and gone; the end that answers loses both answers where the second is ready first, and the
 * download stands still until the connection is given up.
 */
export function askOnce(): void {
  const prototype = Wire.prototype as Wire & { asksOnce?: boolean }
  if (prototype.asksOnce) return
  const { request } = prototype
  /** Lists those who wait for each block that is under way on a wire. */
  const underWay = new WeakMap<Wire, Map<string, GotBlock[]>>()
  Object.assign(prototype, {
    asksOnce: true,
    request(this: Wire, index: number, offset: number, length: number, done: GotBlock): void {
      const blocks = underWay.get(this) ?? new Map<string, GotBlock[]>()
      underWay.set(this, blocks)
      const key = `${index}/${offset}/${length}`
      const asked = blocks.get(key)
      if (asked !== undefined) {
        asked.push(done)
        return
      }
      const waiting = [done]
      blocks.set(key, waiting)
      // Every request ends with this: with its answer, refused, cancelled, too late, or because the wire is choked or closed.
      request.call(this, index, offset, length, (error, bytes) => {
        blocks.delete(key)
        for (const each of waiting) each(error, bytes)
      })
    },
  })
}
