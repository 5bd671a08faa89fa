import { z } from 'zod'
import { count, dateTime, errorsAnywhere, json, type Operation } from '../../http/openapi.ts'

const countOrNull = count.nullable()
const loop = z.object({
  name: z.string(),
  state: z.enum(['resting', 'working', 'stuck']),
  detail: z.string().optional().describe('Why it is stuck'),
  done: count,
  remaining: countOrNull,
  bytesPerSecond: countOrNull,
  secondsLeft: countOrNull,
  lastRunAt: dateTime.nullable(),
  lastError: z.string().optional(),
})
const upkeep = z
  .object({
    manager: z.string(),
    since: dateTime,
    loops: z.array(loop),
    chunks: z
      .object({ total: count, byReplicas: z.record(z.string(), count), countedAt: dateTime })
      .nullable()
      .describe('Chunks of class replicated, by how many of their replicas count'),
    fileServers: z.object({
      known: count,
      active: count,
      silent: z
        .array(z.object({ id: z.string(), name: z.string(), zone: z.string(), lastHeardAt: dateTime }))
        .describe('Not heard from, and not lost yet'),
      lost: z.array(z.object({ id: z.string(), name: z.string(), zone: z.string(), lostAt: dateTime })),
    }),
    halted: z
      .array(
        z.object({
          fileServer: z.string(),
          name: z.string(),
          why: z.enum(['orphans', 'missing']),
          count,
          copies: count,
        }),
      )
      .describe('Where an unlikely share of the copies has no record, or is missing, and nothing is removed'),
  })
  .meta({ id: 'Upkeep' })

export const upkeepOperations: readonly Operation[] = [
  {
    method: 'get',
    path: '/upkeep',
    operationId: 'getUpkeep',
    summary: 'How upkeep goes: healing, rebalancing, comparing, and how many replicas chunks have',
    answers: {
      200: {
        description: 'As the manager that does it told last; null before it ran for the first time',
        content: json(upkeep.nullable()),
      },
    },
    errors: [...errorsAnywhere],
  },
]
