import { z } from 'zod'
import { json, type Operation } from './openapi.ts'

const readiness = z
  .object({ status: z.enum(['ready', 'waiting']), waitingFor: z.array(z.string()) })
  .meta({ id: 'Readiness' })

export type Readiness = z.output<typeof readiness>

export const healthOperations: readonly Operation[] = [
  {
    method: 'get',
    path: '/health',
    operationId: 'getHealth',
    summary: 'Whether the process is alive',
    answers: { 200: { description: 'It is', content: json(z.object()) } },
    errors: [],
  },
  {
    method: 'get',
    path: '/ready',
    operationId: 'getReadiness',
    summary: 'Whether files can be stored: the database answers and a file-server is active',
    answers: {
      200: { description: 'They can', content: json(readiness) },
      503: { description: 'Not yet', content: json(readiness) },
    },
    errors: [],
  },
  {
    method: 'get',
    path: '/openapi.json',
    operationId: 'getOpenApi',
    summary: 'This document',
    answers: { 200: { description: 'OpenAPI 3.1', content: json(z.object()) } },
    errors: [],
  },
]
