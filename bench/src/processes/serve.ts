import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Listens on a free port of the loopback, tells the parent where, and ends with it. */
export function serve(server: Server): void {
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo
    process.send?.(`http://127.0.0.1:${port}`)
  })
  for (const event of ['disconnect', 'SIGTERM', 'SIGINT'] as const) process.on(event, () => process.exit(0))
}
