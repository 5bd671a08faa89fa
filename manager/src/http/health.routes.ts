import Router from '@koa/router'
import type { Readiness } from './health.operations.ts'
import type { RequestState } from './request-context.ts'

/**
 * Serves `/health` (the process lives), `/ready` (it can serve, or what is missing) and `/openapi.json` (what it serves).
 * @param findObstacles names what the manager still waits for before it can serve
 */
export function healthRoutes(findObstacles: () => string[], readDocument: () => Promise<object>): Router<RequestState> {
  const router = new Router<RequestState>()
  router.get('/health', (ctx) => {
    ctx.body = { status: 'alive' }
  })
  router.get('/ready', (ctx) => {
    const waitingFor = findObstacles()
    ctx.status = waitingFor.length === 0 ? 200 : 503
    if (waitingFor.length > 0) ctx.set('Retry-After', '1')
    const answer: Readiness = { status: waitingFor.length === 0 ? 'ready' : 'waiting', waitingFor }
    ctx.body = answer
  })
  router.get('/openapi.json', async (ctx) => {
    ctx.body = await readDocument()
  })
  return router
}
