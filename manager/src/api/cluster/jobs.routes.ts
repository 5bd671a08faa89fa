import { StoreError } from '@holdfast/shared/errors/store-error'
import Router from '@koa/router'
import type { RequireOperator } from '../../http/operator.ts'
import { parseQuery } from '../../http/parse-query.ts'
import type { RequestState } from '../../http/request-context.ts'
import type { Jobs, JobView } from '../../jobs/jobs.ts'
import { type JobRow, jobsQuery } from './jobs.operations.ts'

export interface JobsApiDeps {
  readonly jobs: Jobs
  /** Forgets what only its user needs a job for, so that it is not added again. @returns whether there was that */
  readonly forgetNeed: (jobId: string) => Promise<boolean>
  readonly requireOperator: RequireOperator
}

/** Serves `GET /jobs`, `GET` and `DELETE /jobs/:id`, and `POST /jobs/:id/retry`, all for an operator. */
export function jobsRoutes({ jobs, forgetNeed, requireOperator }: JobsApiDeps): Router<RequestState> {
  const router = new Router<RequestState>()
  router.get('/jobs', async (ctx) => {
    requireOperator(ctx)
    const { limit } = parseQuery(jobsQuery, ctx.req.url ?? '')
    ctx.body = (await jobs.list(limit)).map(rowOf)
  })
  router.get('/jobs/:id', async (ctx) => {
    requireOperator(ctx)
    const job = await jobs.find(ctx.params.id ?? '')
    if (job === null) throw new StoreError('JOB_NOT_FOUND')
    ctx.body = rowOf(job)
  })
  router.delete('/jobs/:id', async (ctx) => {
    requireOperator(ctx)
    const { id = '' } = ctx.params
    const wasNeeded = await forgetNeed(id)
    if (!(await jobs.remove(id)) && !wasNeeded) throw new StoreError('JOB_NOT_FOUND')
    ctx.body = { id }
  })
  router.post('/jobs/:id/retry', async (ctx) => {
    // A body says nothing here, and a ticket is for one without.
    requireOperator(ctx)
    const { id = '' } = ctx.params
    if (!(await jobs.retry(id))) throw new StoreError('JOB_NOT_FOUND', 'no such job has failed')
    ctx.body = { id }
  })
  return router
}

function rowOf(job: JobView): JobRow {
  return { ...job, createdAt: job.createdAt.toISOString() }
}
