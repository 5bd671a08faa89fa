import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createLogger } from '@holdfast/shared/node/logger'
import Router from '@koa/router'
import { afterEach } from 'vitest'
import type { RequestState } from '../../src/http/request-context.ts'
import { createHttpServer } from '../../src/http/server/http-server.ts'

const servers: Server[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

/** Starts the real HTTP server on an ephemeral port, with routes of the test's own, and closes it after the test. */
export async function serve(
  addRoutes: (router: Router<RequestState>) => void,
  options: {
    host?: string
    publicUrl?: string | null
    publicHosts?: readonly string[]
    isOwnUpgrade?: (request: IncomingMessage) => boolean
  } = {},
): Promise<{ server: Server; port: number; url: string }> {
  const router = new Router<RequestState>()
  addRoutes(router)
  const server = createHttpServer({
    routers: [router],
    host: options.host ?? '127.0.0.1',
    publicUrl: options.publicUrl ?? null,
    publicHosts: options.publicHosts ?? [],
    keepAliveMs: 130_000,
    isOwnUpgrade: options.isOwnUpgrade ?? (() => false),
    log: createLogger('test', 'silent'),
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { server, port, url: `http://127.0.0.1:${port}` }
}
