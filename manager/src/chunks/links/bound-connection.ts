import type { Socket } from 'node:net'
import { MAX_UNACKED_BYTES } from '@holdfast/shared/limits'

/** At most this many bytes wait to be sent to somebody who has proved nothing: a challenge and a few pongs. */
export const MAX_STRANGER_BACKLOG_BYTES = 64 * 1024
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
 * Ends a connection whose other side sends but does not read, before the answers to its pings fill the memory. Also ends one
 * that is closed without waiting for the other side to agree.
 */
export function boundConnection(connection: EngineConnection, isTrusted: () => boolean): void {
  const { socket } = connection.request
  socket.on('data', () => {
    if (socket.writableLength > (isTrusted() ? MAX_BACKLOG_BYTES : MAX_STRANGER_BACKLOG_BYTES)) socket.destroy()
  })
  connection.once('close', () => {
    const timer = setTimeout(() => socket.destroy(), CLOSE_MS)
    socket.once('close', () => clearTimeout(timer))
  })
}
