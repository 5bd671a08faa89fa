import { z } from 'zod'
import { count, dateTime, json, type Operation } from '../../http/openapi.ts'

const activeNode = z
  .object({
    id: z.string().regex(/^[0-9a-f]{16}$/),
    name: z.string(),
    zone: z
      .string()
      .describe('What fails together with it: replicas of a chunk go to different zones while there are enough'),
    state: z
      .enum(['active', 'counting', 'full'])
      .describe('full: serves and deletes, takes nothing more. counting: its inventory is not done'),
    lastPingAt: dateTime,
    files: count,
    bytes: count,
    freeBytes: count,
    totalBytes: count,
    chunkUrl: z
      .url()
      .describe(
        'Its own HTTP port, with POST /chunk and GET /chunk/{sha-256} for whoever has a ticket; only its own machine reaches it unless CHUNK_HOST says otherwise',
      ),
  })
  .meta({ id: 'ActiveNode' })

/**
 * `GET /active-nodes` answers with such rows. A file-server that is `counting` has not done its inventory, so `files` comes
 * from the records.
 */
export type ActiveNode = Readonly<z.output<typeof activeNode>>

export const activeNodesOperations: readonly Operation[] = [
  {
    method: 'get',
    path: '/active-nodes',
    operationId: 'listActiveNodes',
    summary: 'The file-servers heard from within ACTIVE_WITHIN_MS',
    answers: { 200: { description: 'By name', content: json(z.array(activeNode)) } },
    errors: ['INTERNAL'],
  },
]
