import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { bytes } from '@holdfast/shared/wire/shapes'
import { Server, type Socket } from 'socket.io'
import { type Socket as ClientSocket, io } from 'socket.io-client'
import { afterEach, beforeEach } from 'vitest'
import { z } from 'zod'

export interface Connection {
  server: Server
  client: ClientSocket
  far: Socket
}

/** Makes a connection for each test and ends it after the test. */
export function useConnection(): Connection {
  const connection = {} as Connection
  beforeEach(async () => {
    const http = createServer()
    const server = new Server(http, { transports: ['websocket'] })
    http.listen(0, '127.0.0.1')
    await once(http, 'listening')
    const connected = new Promise<Socket>((resolve) => server.on('connection', resolve))
    const client = io(`http://127.0.0.1:${(http.address() as AddressInfo).port}`, {
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
    })
    const far = await connected
    if (!client.connected) await new Promise<void>((resolve) => client.on('connect', resolve))
    Object.assign(connection, { server, client, far })
  })
  afterEach(async () => {
    connection.client.disconnect()
    await connection.server.close()
  })
  return connection
}

const row = {
  argument: z.strictObject({ value: z.unknown(), bytes: bytes.optional() }),
  ack: z.object({ value: z.unknown(), bytes: bytes.optional() }),
  deadlineMs: 10_000,
}
/** Each test answers these commands in its own way, so their shapes say nothing. */
export const table = {
  echo: row,
  refuse: row,
  wait: row,
  next: { ...row, ack: z.object({}) },
  'grouped-echo': { ...row, isGrouped: true },
  'grouped-refuse': { ...row, isGrouped: true },
  'grouped-slow': { ...row, isGrouped: true },
  'grouped-wait': { ...row, isGrouped: true },
} as const
