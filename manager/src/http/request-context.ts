import { randomBytes } from 'node:crypto'
import type { Logger } from '@holdfast/shared/node/logger'
import type { DefaultContext, Middleware, ParameterizedContext } from 'koa'

/** What every route finds in `ctx.state`. */
export interface RequestState {
  readonly requestId: string
  /** Names the request in every line. */
  readonly log: Logger
  /** Fires when the client hangs up before its answer is complete. */
  readonly signal: AbortSignal
}

export type AppContext = ParameterizedContext<RequestState, DefaultContext>
export type AppMiddleware = Middleware<RequestState, DefaultContext>

const givenId = /^[\w.-]{1,64}$/

export function requestContext(log: Logger): AppMiddleware {
  return async (ctx, next) => {
    const given = ctx.get('X-Request-Id')
    const requestId = givenId.test(given) ? given : randomBytes(8).toString('hex')
    const hangUp = new AbortController()
    const state: { -readonly [Key in keyof RequestState]: RequestState[Key] } = ctx.state
    state.requestId = requestId
    state.log = log.child({ requestId })
    state.signal = hangUp.signal
    ctx.set('X-Request-Id', requestId)
    ctx.res.once('close', () => {
      if (!ctx.res.writableFinished) hangUp.abort(new Error('the client hung up'))
    })
    await next()
  }
}
