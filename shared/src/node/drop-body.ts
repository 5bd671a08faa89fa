import type { IncomingMessage, ServerResponse } from 'node:http'

/** So much is read of a body that nobody wants, for the client to see its answer before the connection ends. */
const MAX_DROPPED_BYTES = 64 * 1024 * 1024
const MAX_DROP_MS = 3_000

/**
 * Reads and drops, within bounds, the rest of a request that was answered early. To close at once would reset the connection
 * under a client that is still sending, and it would never see the answer.
 */
export function dropBody(request: IncomingMessage, response: ServerResponse): void {
  if (request.readableEnded || request.destroyed) return
  let droppedBytes = 0
  const end = (): void => {
    request.destroy()
  }
  const timer = setTimeout(end, MAX_DROP_MS)
  request.on('data', (chunk: Buffer) => {
    droppedBytes += chunk.length
    if (droppedBytes > MAX_DROPPED_BYTES) end()
  })
  request.once('close', () => clearTimeout(timer))
  request.once('end', () => clearTimeout(timer))
  request.on('error', () => clearTimeout(timer))
  response.once('finish', () => request.resume())
}
