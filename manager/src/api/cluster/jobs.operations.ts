import { z } from 'zod'
import { count, dateTime, errorsAnywhere, json, type Operation } from '../../http/openapi.ts'

const job = z
  .object({
    id: z.string(),
    kind: z.string(),
    key: z.string(),
    state: z.enum(['waiting', 'delayed', 'running', 'failed']),
    attempts: count,
    createdAt: dateTime,
    error: z.string().nullable().describe('The last failure'),
  })
  .meta({ id: 'Job' })

export type JobRow = Readonly<z.output<typeof job>>

export const jobsQuery = z.object({ limit: z.coerce.number<string>().int().min(1).max(1_000).default(100) })
const retried = z.object({ id: z.string() }).meta({ id: 'RetriedJob' })

export const jobsOperations: readonly Operation[] = [
  {
    method: 'get',
    path: '/jobs',
    operationId: 'listJobs',
    summary: 'What is still to be done, and what failed for good, that first; an operator route',
    isOperators: true,
    parameters: { query: jobsQuery },
    answers: { 200: { description: 'Jobs that are done are not kept', content: json(z.array(job)) } },
    errors: ['INVALID_REQUEST', 'UNAUTHORIZED', ...errorsAnywhere],
  },
  {
    method: 'post',
    path: '/jobs/{id}/retry',
    operationId: 'retryJob',
    summary: 'Let a job that failed for good begin anew; an operator route',
    isOperators: true,
    parameters: { path: z.object({ id: z.string() }) },
    answers: { 200: { description: 'It waits for its turn', content: json(retried) } },
    errors: ['JOB_NOT_FOUND', 'UNAUTHORIZED', ...errorsAnywhere],
  },
]
