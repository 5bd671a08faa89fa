import type { IncomingMessage, RequestListener } from 'node:http'
import Router from '@koa/router'
import type { AppContext, AppMiddleware, RequestState } from '../request-context.ts'

/** Answers a request, which needs nothing else to be answered, with a plain text that has one character a byte. */
export type BareAnswer = (request: IncomingMessage) => Promise<string>

const HEADERS = { 'Content-Type': 'text/plain' }

/** The type of the class says that a router of any kind may come of it, which no class can extend. */
const StateRouter: new () => Router<RequestState> = Router

/** Some routes of such a router can be answered without Koa, which takes a quarter of the time of an announce. */
export class BareRouter extends StateRouter {
  readonly #answers = new Map<string, BareAnswer>()

  getBare(path: string, answer: BareAnswer): void {
    this.#answers.set(path, answer)
    this.get(path, async (ctx) => {
      ctx.set(HEADERS)
      ctx.body = Buffer.from(await answer(ctx.req), 'latin1')
    })
  }

  /** @returns what answers a request, where it is one to exactly such a path */
  find({ method, url = '' }: IncomingMessage): BareAnswer | undefined {
    if (method !== 'GET') return undefined
    const end = url.indexOf('?')
    return this.#answers.get(end < 0 ? url : url.slice(0, end))
  }
}

/**
 * Answers bare requests after the same guards as all others. Whatever fails is left to Koa, which asks once more and tells of it.
 * @param guards those that look at no more than `req`, `res` and `state`
 */
export function answerBare(
  routers: readonly Router<RequestState>[],
  guards: readonly AppMiddleware[],
  koa: RequestListener,
): RequestListener {
  const bareRouters = routers.filter((router) => router instanceof BareRouter)
  const pass = async (ctx: AppContext, answer: BareAnswer, passed = 0): Promise<string> => {
    const guard = guards[passed]
    return guard === undefined ? answer(ctx.req) : guard(ctx, () => pass(ctx, answer, passed + 1))
  }
  return (request, response) => {
    const answer = bareRouters.map((router) => router.find(request)).find((found) => found !== undefined)
    if (answer === undefined) return koa(request, response)
    const ctx = { req: request, res: response, state: {} } as AppContext
    pass(ctx, answer).then(
      (text) => response.writeHead(200, { ...HEADERS, 'Content-Length': text.length }).end(text, 'latin1'),
      () => koa(request, response),
    )
  }
}
