import type { Server } from 'node:http'

/** Requests that are under way at shutdown may still take this long. */
const DRAIN_MS = 10_000

/**
 * Counts the requests under way, from when the server is made. The function it gives back stops taking new ones and waits for
 * those under way, within bounds. It leaves upgraded connections alone, for uploads still need them.
 */
export function watchRequests(server: Server): () => Promise<void> {
  let underWay = 0
  let onIdle = (): void => {}
  const begin = (_request: unknown, response: NodeJS.EventEmitter): void => {
    underWay++
    response.once('close', () => {
      underWay--
      if (underWay === 0) onIdle()
    })
  }
  server.on('request', begin)
  server.on('checkContinue', begin)
  return () =>
    new Promise((resolve) => {
      const timer = setTimeout(() => {
        server.closeAllConnections()
        resolve()
      }, DRAIN_MS)
      onIdle = () => {
        clearTimeout(timer)
        server.closeIdleConnections()
        resolve()
      }
      server.close()
      server.closeIdleConnections()
      if (underWay === 0) onIdle()
    })
}
