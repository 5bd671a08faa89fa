import { StoreError } from '@holdfast/shared/errors/store-error'
import Router from '@koa/router'
import type { RequireOperator } from '../../http/operator.ts'
import { parseQuery } from '../../http/parse-query.ts'
import type { RequestState } from '../../http/request-context.ts'
import type { Jobs } from '../../jobs/jobs.ts'
import { type JobRow, jobsQuery } from './jobs.operations.ts'

export interface JobsApiDeps {
  readonly jobs: Jobs
  readonly requireOperator: RequireOperator
}

/** Serves `GET /jobs` and `POST /jobs/:id/retry`, both for an operator. */
export function jobsRoutes({ jobs, requireOperator }: JobsApiDeps): Router<RequestState> {
  const router = new Router<RequestState>()
  router.get('/jobs', async (ctx) => {
    requireOperator(ctx)
    const { limit } = parseQuery(jobsQuery, ctx.req.url ?? '')
    const rows: JobRow[] = (await jobs.list(limit)).map((job) => ({ ...job, createdAt: job.createdAt.toISOString() }))
    ctx.body = rows
  })
  router.post('/jobs/:id/retry', async (ctx) => {
    // A body says nothing here, and a ticket is for one without.
    requireOperator(ctx)
    const { id = '' } = ctx.params
    if (!(await jobs.retry(id))) throw new StoreError('JOB_NOT_FOUND')
    ctx.body = { id }
  })
  return router
}
