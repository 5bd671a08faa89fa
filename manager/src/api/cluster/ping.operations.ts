import { z } from 'zod'
import { bodyErrors, dateTime, errorsAnywhere, json, type Operation } from '../../http/openapi.ts'

const id = z.string().min(1).max(100).describe('Names a file-server')

export const ping = z.object({ id }).meta({ id: 'Ping' })
const pinged = z.object({ id, lastPingAt: dateTime }).meta({ id: 'Pinged' })

export type Pinged = Readonly<z.output<typeof pinged>>

export const pingOperations: readonly Operation[] = [
  {
    method: 'post',
    path: '/ping',
    operationId: 'pingFileServer',
    summary: 'Renew the last ping that lists show of a connected file-server; an operator route',
    isOperators: true,
    body: { content: json(ping) },
    answers: { 200: { description: 'It is connected', content: json(pinged) } },
    errors: [...bodyErrors, 'UNAUTHORIZED', 'FILE_SERVER_NOT_FOUND', ...errorsAnywhere],
  },
]
