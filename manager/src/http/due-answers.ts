import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** Pairs an answer that is due with its request. */
export type DueAnswer = readonly [ServerResponse, IncomingMessage]

/**
 * Follows every request, from when the server is made. The function it gives back tells which answers are due on a
 * connection, the oldest first.
 */
export function watchDueAnswers(server: Server): (connection: Duplex) => readonly DueAnswer[] {
  const due = new WeakMap<Duplex, Map<ServerResponse, IncomingMessage>>()
  const watch = (request: IncomingMessage, response: ServerResponse): void => {
    const responses = due.get(request.socket) ?? new Map()
    due.set(request.socket, responses.set(response, request))
    response.once('close', () => responses.delete(response))
  }
  server.on('request', watch)
  server.on('checkContinue', watch)
  return (connection) => [...(due.get(connection) ?? [])]
}
