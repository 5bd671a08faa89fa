import { StoreError } from '@holdfast/shared/errors/store-error'
import { isServerId } from '@holdfast/shared/ids'
import { bodyDigest } from '@holdfast/shared/node/ticket'
import Router from '@koa/router'
import type { FileServerRegistry } from '../../chunks/registry.ts'
import { jsonBody } from '../../http/json-body.ts'
import type { RequireOperator } from '../../http/operator.ts'
import type { RequestState } from '../../http/request-context.ts'
import { ping } from './ping.operations.ts'

/** One address is enough to join by. */
const SHOWN_MANAGERS = 3

const readPing = jsonBody(ping)

export interface PingDeps {
  readonly registry: FileServerRegistry
  readonly requireOperator: RequireOperator
  /** Gives the addresses of all managers. */
  readonly managers: () => readonly string[]
}

/**
 * Serves `POST /ping` with `{ id }`, by which the nodes of the "Files" system register and check in. Here a file-server does both
 * over its own connection: a ping renews the time that lists show for one that is connected, and nothing else.
 */
export function pingRoutes({ registry, requireOperator, managers }: PingDeps): Router<RequestState> {
  const router = new Router<RequestState>()
  router.post('/ping', async (ctx) => {
    const { id } = await readPing(ctx)
    requireOperator(ctx, bodyDigest(ctx.request.rawBody ?? ''))
    const link = isServerId(id) ? registry.find(id) : undefined
    if (link === undefined || !link.isConnected) throw new StoreError('FILE_SERVER_NOT_FOUND', howToJoin(managers()))
    link.notePing()
    ctx.body = { id, lastPingAt: new Date(Date.now() - link.sincePingMs).toISOString() }
  })
  return router
}

function howToJoin(managers: readonly string[]): string {
  const addresses = managers.length === 0 ? 'http://<manager>:8000' : managers.slice(0, SHOWN_MANAGERS).join(',')
  return `a file-server joins by its own connection: MANAGERS=${addresses} CLUSTER_SECRET=<the secret> npm run file-server`
}
