import type { Socket } from 'node:net'
import { MAX_UNACKED_BYTES } from '@holdfast/shared/limits'

/**
 * Whoever has proved nothing yet may send this many bytes, which is many times what a proof takes, and at most as many wait
 * to be sent to them: a challenge and a few pongs.
 */
export const MAX_STRANGER_BYTES = 64 * 1024
/**
 * At most this many bytes wait for a file-server: all that may be unacknowledged, a few times over, for commands and acks come on
 * top.
 */
export const MAX_BACKLOG_BYTES = 4 * MAX_UNACKED_BYTES
/** The other side may take this long to answer a WebSocket's close. */
const CLOSE_MS = 1_000

export interface EngineConnection {
  readonly request: { readonly socket: Socket }
  once(event: 'close', listener: () => void): unknown
}

/**
 * Ends a connection whose other side sends but does not read, before the answers to its pings fill the memory, and one on
 * which a stranger goes on sending. Also ends one that is closed without waiting for the other side to agree.
 */
export function boundConnection(connection: EngineConnection, isTrusted: () => boolean): void {
  const { socket } = connection.request
  const readBefore = socket.bytesRead
  socket.on('data', () => {
    const isStranger = !isTrusted()
    const isBehind = socket.writableLength > (isStranger ? MAX_STRANGER_BYTES : MAX_BACKLOG_BYTES)
    if (isBehind || (isStranger && socket.bytesRead - readBefore > MAX_STRANGER_BYTES)) socket.destroy()
  })
  connection.once('close', () => {
    const timer = setTimeout(() => socket.destroy(), CLOSE_MS)
    socket.once('close', () => clearTimeout(timer))
  })
}
