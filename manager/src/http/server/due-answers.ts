import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** Pairs an answer that is due with its request. */
export type DueAnswer = readonly [ServerResponse, IncomingMessage]

/** Tells the answers that are due on a connection, the oldest first. */
export type DueAnswers = (connection: Duplex) => readonly DueAnswer[]

/** These methods change nothing (RFC 9110, section 9.2.1). */
const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS']

/** A connection that sends more requests than this without waiting for answers is closed, for each of them takes memory. */
const MAX_DUE = 100

/** This many safe requests of a connection go side by side. The answer to each may have to wait in memory for those before it. */
const MAX_AT_ONCE = 8

/** Follows every request, and has to listen for them before anybody else does. Each answer gets its `close` in the end. */
export function watchDueAnswers(server: Server): DueAnswers {
  const due = new WeakMap<Duplex, Map<ServerResponse, IncomingMessage>>()
  const follow = (connection: Duplex): Map<ServerResponse, IncomingMessage> => {
    const responses = new Map<ServerResponse, IncomingMessage>()
    due.set(connection, responses)
    // Node tells the end of a connection only to the answer whose turn it is.
    connection.once('close', () => {
      for (const response of [...responses.keys()]) if (response.socket === null) response.destroy().emit('close')
    })
    return responses
  }
  const watch = (request: IncomingMessage, response: ServerResponse): void => {
    const responses = due.get(request.socket) ?? follow(request.socket)
    if (responses.size >= MAX_DUE) request.socket.destroy()
    responses.set(response, request)
    response.once('close', () => responses.delete(response))
  }
  server.on('request', watch)
  server.on('checkContinue', watch)
  return (connection) => [...(due.get(connection) ?? [])]
}

/**
 * Node begins with a request while those before it on the connection have no answer yet. Only safe ones may go side by side
 * (RFC 9112, section 9.3.2), because a DELETE must not overtake the upload that it was sent after, and only a few of them.
 */
export function inTurn(handle: RequestListener, dueOn: DueAnswers): RequestListener {
  return (request, response) => {
    const earlier = dueOn(request.socket).slice(0, -1)
    const lastInTheWay = earlier.findLastIndex(([, other]) => !isSafe(other) || !isSafe(request))
    const before = earlier[Math.max(lastInTheWay, earlier.length - MAX_AT_ONCE)]
    if (request.socket.destroyed) return
    if (before === undefined) return handle(request, response)
    before[0].once('close', () => {
      if (!request.socket.destroyed) handle(request, response)
    })
  }
}

/**
 * Ends a connection on which nothing has moved for long, if it is idle or its client takes none of an answer. Where an answer is
 * still being made, as that to an upload is for as long as it takes, it stays.
 */
export function endUnlessAnswering(connection: Duplex, dueOn: DueAnswers): void {
  if (connection.writableLength > 0 || dueOn(connection).length === 0) connection.destroy()
}

/** Calls back when every request of the connection that came as a whole has its answer. */
export function afterAnswers(connection: Duplex, dueOn: DueAnswers, go: () => void): void {
  // A large answer waits for `drain`, which Node does not pass on for a connection that it has let go of, nor `timeout`.
  const passOn = (): void => {
    dueOn(connection)[0]?.[0].emit('drain')
  }
  const onTimeout = (): void => endUnlessAnswering(connection, dueOn)
  const look = (): void => {
    const last = dueOn(connection).findLast(([, request]) => request.complete)
    if (last !== undefined) return void last[0].once('close', look)
    connection.off('drain', passOn).off('timeout', onTimeout)
    go()
  }
  connection.on('drain', passOn).on('timeout', onTimeout)
  look()
}

function isSafe({ method }: IncomingMessage): boolean {
  return method !== undefined && SAFE_METHODS.includes(method)
}
