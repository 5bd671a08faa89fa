import type { IncomingMessage, ServerResponse } from 'node:http'

/** What is read of a body that nobody wants, so that the client sees its answer before the connection ends. */
const MAX_DROPPED_BYTES = 64 * 1024 * 1024
const MAX_DROP_MS = 3_000

/**
 * For an answer given before its request was read to the end. Closing at once would reset the connection under a client
 * that is still sending, and it would never see the answer; so the rest is read and dropped, within bounds.
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
