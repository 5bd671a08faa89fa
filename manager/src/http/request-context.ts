import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { Logger } from '@holdfast/shared/node/logger'
import type { DefaultContext, Middleware, ParameterizedContext } from 'koa'

/** Every route finds this in `ctx.state`. What few requests need is made when it is first asked for. */
export interface RequestState {
  readonly requestId: string
  /** Names the request in every line. */
  readonly log: Logger
  /** Fires when the client hangs up before its answer is complete. */
  readonly signal: AbortSignal
  /** Tells whether the client has hung up. */
  readonly isGone: boolean
}

export type AppContext = ParameterizedContext<RequestState, DefaultContext>
export type AppMiddleware = Middleware<RequestState, DefaultContext>

const givenId = /^[\w.-]{1,64}$/

export function requestContext(log: Logger): AppMiddleware {
  const makeId = idMaker()
  return (ctx, next) => {
    const given = ctx.req.headers['x-request-id']
    const requestId = typeof given === 'string' && givenId.test(given) ? given : makeId()
    ctx.state = new RequestScope(requestId, log, ctx.res)
    ctx.res.setHeader('X-Request-Id', requestId)
    return next()
  }
}

/** Ids are unique across processes by their random beginning, and within one by the number after it. */
function idMaker(): () => string {
  const prefix = randomBytes(4).toString('hex')
  let count = 0
  return () => prefix + (count++ >>> 0).toString(16).padStart(8, '0')
}

class RequestScope implements RequestState {
  readonly requestId: string
  readonly #processLog: Logger
  readonly #response: ServerResponse
  #log: Logger | undefined
  #signal: AbortSignal | undefined

  constructor(requestId: string, processLog: Logger, response: ServerResponse) {
    this.requestId = requestId
    this.#processLog = processLog
    this.#response = response
  }

  get log(): Logger {
    this.#log ??= this.#processLog.child({ requestId: this.requestId })
    return this.#log
  }

  get signal(): AbortSignal {
    this.#signal ??= this.#watch()
    return this.#signal
  }

  get isGone(): boolean {
    return this.#response.destroyed && !this.#response.writableFinished
  }

  #watch(): AbortSignal {
    const hangUp = new AbortController()
    const look = (): void => {
      if (this.isGone) hangUp.abort(new Error('the client hung up'))
    }
    look()
    this.#response.once('close', look)
    return hangUp.signal
  }
}
