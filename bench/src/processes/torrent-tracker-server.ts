import type { AddressInfo } from 'node:net'

/** It is a package of the peer's, which has no types. */
const name: string = 'bittorrent-tracker/server'
const { default: Server } = await import(name)

/**
 * Serves announces by bittorrent-tracker with its own settings, over HTTP and UDP on one port, and tells the parent where. Its
 * own `listen` also wants a port of IPv6, which not every machine has.
 */
const server = new Server({ ws: false, stats: false })
server.on('error', (error: unknown) => {
  console.error(error)
  process.exit(1)
})
server.http.listen(0, '127.0.0.1', () => {
  const { port } = server.http.address() as AddressInfo
  server.udp4.bind(port, '127.0.0.1', () => process.send?.(`http://127.0.0.1:${port}`))
})
for (const event of ['disconnect', 'SIGTERM', 'SIGINT'] as const) process.on(event, () => process.exit(0))
