import Router from '@koa/router'
import type { FileServerLink } from '../../chunks/links/file-server-link.ts'
import type { FileServerRegistry } from '../../chunks/registry.ts'
import type { RequestState } from '../../http/request-context.ts'
import type { ActiveNode } from './active-nodes.operations.ts'

/** Serves `GET /active-nodes`, which lists the file-servers heard from within the set time in the order of their names. */
export function activeNodesRoutes(registry: FileServerRegistry): Router<RequestState> {
  const router = new Router<RequestState>()
  router.get('/active-nodes', (ctx) => {
    const counts = new Map(registry.views().map((view) => [view.id, view.copyCount]))
    ctx.body = registry.links
      .filter((link) => registry.isActive(link))
      .map((link) => rowOf(link, counts.get(link.id) ?? 0, Date.now()))
      .sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }) || (a.id < b.id ? -1 : 1))
  })
  return router
}

function rowOf(link: FileServerLink, files: number, now: number): ActiveNode {
  const { id, name, zone, heartbeat, sincePingMs, chunkUrl } = link
  const { sizeBytes, freeBytes, totalBytes, isWritable, isInventoryDone } = heartbeat
  return {
    id,
    name,
    zone,
    lastPingAt: new Date(now - sincePingMs).toISOString(),
    files,
    bytes: sizeBytes,
    freeBytes,
    totalBytes,
    chunkUrl,
    state: isWritable ? (isInventoryDone ? 'active' : 'counting') : 'full',
  }
}
