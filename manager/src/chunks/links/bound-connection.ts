import type { Socket } from 'node:net'
import { MAX_UNACKED_BYTES } from '@holdfast/shared/limits'

/** What may wait to be sent to somebody who has not proved anything: a challenge and a few pongs. Bytes. */
export const MAX_STRANGER_BACKLOG_BYTES = 64 * 1024
/** To a file-server: all that may be unacknowledged, a few times over, since commands and acks come on top of it. Bytes. */
export const MAX_BACKLOG_BYTES = 4 * MAX_UNACKED_BYTES
/** How long the other side may take to answer a WebSocket's close. */
const CLOSE_MS = 1_000

/** The part of Engine.IO's connection that this needs. */
export interface EngineConnection {
  readonly request: { readonly socket: Socket }
  once(event: 'close', listener: () => void): unknown
}

/**
 * Ends a connection whose other side sends but does not read, before the answers to its pings fill the memory; and one
 * that is closed, without waiting for the other side to agree.
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
