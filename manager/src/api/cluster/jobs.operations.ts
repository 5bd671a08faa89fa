import { z } from 'zod'
import { count, dateTime, errorsAnywhere, json, type Operation } from '../../http/openapi.ts'

const job = z
  .object({
    id: z.string(),
    kind: z.string(),
    key: z.string(),
    state: z.enum(['waiting', 'delayed', 'running', 'failed', 'done']),
    attempts: count,
    createdAt: dateTime,
    error: z.string().nullable().describe('The last failure'),
    progress: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
      .nullable()
      .describe('How it goes, as the job itself tells it'),
  })
  .meta({ id: 'Job' })

export type JobRow = Readonly<z.output<typeof job>>

export const jobsQuery = z.object({ limit: z.coerce.number<string>().int().min(1).max(1_000).default(100) })
const path = z.object({ id: z.string() })
const named = z.object({ id: z.string() }).meta({ id: 'JobId' })

export const jobsOperations: readonly Operation[] = [
  {
    method: 'get',
    path: '/jobs',
    operationId: 'listJobs',
    summary: 'What is still to be done, and what failed for good, that first; an operator route',
    isOperators: true,
    parameters: { query: jobsQuery },
    answers: {
      200: {
        description: 'Of jobs that are done only those are kept, for a day, that somebody may ask for',
        content: json(z.array(job)),
      },
    },
    errors: ['INVALID_REQUEST', 'UNAUTHORIZED', ...errorsAnywhere],
  },
  {
    method: 'get',
    path: '/jobs/{id}',
    operationId: 'getJob',
    summary: 'How a job goes; an operator route',
    isOperators: true,
    parameters: { path },
    answers: { 200: { description: 'The job', content: json(job) } },
    errors: ['JOB_NOT_FOUND', 'UNAUTHORIZED', ...errorsAnywhere],
  },
  {
    method: 'delete',
    path: '/jobs/{id}',
    operationId: 'removeJob',
    summary: 'Take a job away; one that runs is ended within seconds; an operator route',
    isOperators: true,
    parameters: { path },
    answers: { 200: { description: 'It is gone; what is still needed is added again', content: json(named) } },
    errors: ['JOB_NOT_FOUND', 'UNAUTHORIZED', ...errorsAnywhere],
  },
  {
    method: 'post',
    path: '/jobs/{id}/retry',
    operationId: 'retryJob',
    summary: 'Let a job that failed for good begin anew; an operator route',
    isOperators: true,
    parameters: { path },
    answers: { 200: { description: 'It waits for its turn', content: json(named) } },
    errors: ['JOB_NOT_FOUND', 'UNAUTHORIZED', ...errorsAnywhere],
  },
]
