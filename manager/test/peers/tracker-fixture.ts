import { randomBytes } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { request as ask, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { createLogger } from '@holdfast/shared/node/logger'
import { StopStack } from '@holdfast/shared/node/stop-stack'
import { onTestFinished } from 'vitest'
import { napsterRoutes } from '../../src/api/tracker/napster.routes.ts'
import { statsRoutes } from '../../src/api/tracker/stats.routes.ts'
import { torrentRoutes } from '../../src/api/tracker/torrent.routes.ts'
import { Callers } from '../../src/http/callers.ts'
import { operatorGuard } from '../../src/http/operator.ts'
import { createHttpServer } from '../../src/http/server/http-server.ts'
import type { Database } from '../../src/mongo/database.ts'
import { type Peers, type PeersDeps, type PeersSettings, startPeers } from '../../src/peers/start-peers.ts'

const log = createLogger('test', 'silent')
const noFiles = { findTorrents: async () => new Set<string>() }

interface TrackerOptions {
  readonly isOperator?: boolean
  readonly port?: number
  readonly files?: PeersDeps['files']
  readonly trustedProxies?: readonly string[]
}

export interface Tracker {
  readonly port: number
  readonly peers: Peers
  readonly server: Server
  close(): Promise<void>
}

/** Starts what a manager has for peers, over a database: routes, and UDP on the same port. It ends with the test. */
export async function startTracker(
  database: Database,
  settings: Partial<PeersSettings> = {},
  { isOperator = true, port = 0, files = noFiles, trustedProxies = [] }: TrackerOptions = {},
): Promise<Tracker> {
  const stops = new StopStack()
  const known = {
    ...{ host: '127.0.0.1', publicUrl: isOperator ? null : 'http://files.example.test', publicHosts: [] },
    clusterSecret: 'the secret of the cluster',
  }
  const peers = await startPeers(
    { database, files, managerId: randomBytes(8).toString('hex'), log, stops, hasOtherManagers: () => true },
    {
      ...{ clusterSecret: known.clusterSecret, heartbeatEveryMs: 250, isTrackerOpen: true, announceEveryMs: 60_000 },
      ...settings,
    },
  )
  const asking = { requireOperator: operatorGuard(known), callers: new Callers(trustedProxies) }
  const server = createHttpServer({
    routers: [napsterRoutes, torrentRoutes, statsRoutes].map((routes) => routes({ ...peers, ...asking })),
    ...{ ...known, log, keepAliveMs: 1_000, isOwnUpgrade: () => false },
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  stops.add(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  const address = server.address() as AddressInfo
  peers.openUdp({ host: '127.0.0.1', port: address.port })
  let isClosed = false
  const close = async (): Promise<void> => {
    if (!isClosed) await stops.close()
    isClosed = true
  }
  onTestFinished(close)
  return { port: address.port, peers, server, close }
}

export interface Answer {
  readonly status: number
  readonly bytes: Buffer
  /** The body, where it is JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever it expects there.
  readonly body: any
}

/** Asks over HTTP from an address of this machine, each of which is a peer of its own. */
export async function exchange(
  port: number,
  target: string,
  options: { from?: string; json?: unknown; method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const body = options.json === undefined ? undefined : JSON.stringify(options.json)
  const asked = ask({
    ...{ host: '127.0.0.1', port, path: target, agent: false, timeout: 20_000 },
    localAddress: options.from ?? '127.0.0.1',
    method: options.method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...options.headers },
  }).end(body)
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  const bytes = await buffer(response)
  const isJson = response.headers['content-type']?.includes('json') === true
  return { status: response.statusCode ?? 0, bytes, body: isJson ? JSON.parse(bytes.toString()) : null }
}

/** Listens for datagrams on an address of this machine until the test ends. */
export async function listenUdp(
  ip: string,
  onDatagram: (datagram: Buffer, socket: Socket, source: AddressInfo) => void,
): Promise<{ socket: Socket; port: number }> {
  const socket = createSocket('udp4')
  socket.on('message', (datagram, { address, port, family }) => onDatagram(datagram, socket, { address, port, family }))
  await new Promise<void>((resolve) => socket.bind(0, ip, resolve))
  onTestFinished(() => {
    socket.close()
  })
  return { socket, port: socket.address().port }
}
