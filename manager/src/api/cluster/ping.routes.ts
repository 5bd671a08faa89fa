import { StoreError } from '@holdfast/shared/errors/store-error'
import { isServerId } from '@holdfast/shared/ids'
import Router from '@koa/router'
import type { FileServerRegistry } from '../../chunks/registry.ts'
import { jsonBody } from '../../http/json-body.ts'
import type { RequireOperator } from '../../http/operator.ts'
import type { RequestState } from '../../http/request-context.ts'
import { type Pinged, ping } from './ping.operations.ts'

/** One address is enough to join by. */
const SHOWN_MANAGERS = 3

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
  const readPing = jsonBody(ping)
  router.post('/ping', async (ctx) => {
    const { id } = await readPing(ctx, (bodySha256) => requireOperator(ctx, bodySha256))
    const link = isServerId(id) ? registry.find(id) : undefined
    if (link === undefined || !link.isConnected) throw new StoreError('FILE_SERVER_NOT_FOUND', howToJoin(managers()))
    link.notePing()
    const answer: Pinged = { id, lastPingAt: new Date(Date.now() - link.sincePingMs).toISOString() }
    ctx.body = answer
  })
  return router
}

function howToJoin(managers: readonly string[]): string {
  const addresses = managers.length === 0 ? 'http://<manager>:8000' : managers.slice(0, SHOWN_MANAGERS).join(',')
  return `a file-server joins by its own connection: MANAGERS=${addresses} CLUSTER_SECRET=<the secret> npm run file-server`
}
