import { StoreError } from '@holdfast/shared/errors/store-error'
import { isServerId } from '@holdfast/shared/ids'
import { bodyDigest } from '@holdfast/shared/node/ticket'
import Router from '@koa/router'
import { readJsonObject, readSmallBody } from '../../bodies/small-body.ts'
import type { FileServerRegistry } from '../../chunks/registry.ts'
import { expectsContinue } from '../../http/http-server.ts'
import type { RequireOperator } from '../../http/operator.ts'
import type { RequestState } from '../../http/request-context.ts'

const BODY_PATIENCE_MS = 10_000
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
  router.post('/ping', async (ctx) => {
    const body = await readSmallBody(ctx.req, {
      patienceMs: BODY_PATIENCE_MS,
      beforeFirstRead: expectsContinue(ctx.req) ? () => ctx.res.writeContinue() : undefined,
      caller: ctx.state,
    })
    requireOperator(ctx, bodyDigest(body))
    const { id } = readJsonObject(body)
    if (typeof id !== 'string' || id === '') throw new StoreError('INVALID_REQUEST', 'id: a file-server is named by it')
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
