import Router from '@koa/router'
import type { RequestState } from '../../http/request-context.ts'
import type { UpkeepStatus } from '../../upkeep/upkeep-status.ts'

/** Serves `GET /upkeep`, which tells how upkeep goes. Any manager answers it; `null` stands for an upkeep that never ran. */
export function upkeepRoutes(readStatus: () => Promise<UpkeepStatus | null>): Router<RequestState> {
  const router = new Router<RequestState>()
  router.get('/upkeep', async (ctx) => {
    ctx.type = 'application/json'
    ctx.body = JSON.stringify(await readStatus())
  })
  return router
}
