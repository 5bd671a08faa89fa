import Wire from 'bittorrent-protocol'
import { MAX_PIECE_LENGTH } from '../torrent/metainfo.ts'

/** A bitfield has at most 32 KiB, a block 128 KiB. */
const MAX_MESSAGE_BYTES = 1024 * 1024
/** A web seed's messages come from this process, a whole piece at a time. */
const MAX_OWN_BYTES = MAX_PIECE_LENGTH + 16

/** The protocol's reader waits for as many bytes as a peer says that it will send, up to 4 GiB, and keeps them in memory. */
export function boundMessages(): void {
  const prototype = Wire.prototype as Wire & { isBounded?: boolean }
  if (prototype.isBounded) return
  const readLength = prototype._onMessageLength
  Object.assign(prototype, {
    isBounded: true,
    _onMessageLength(this: Wire, bytes: Uint8Array): void {
      const length = Buffer.from(bytes).readUInt32BE()
      if (length > (this.type === 'webSeed' ? MAX_OWN_BYTES : MAX_MESSAGE_BYTES)) this.destroy()
      else readLength.call(this, bytes)
    },
  })
}
