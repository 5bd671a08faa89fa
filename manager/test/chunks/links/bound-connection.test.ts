import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { boundConnection, MAX_BACKLOG_BYTES, MAX_STRANGER_BYTES } from '../../../src/chunks/links/bound-connection.ts'

const closing: (() => unknown)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** Starts a server that answers what it gets with so many times as much, to a client that reads nothing. */
async function echo(isTrusted: boolean, factor = 10): Promise<{ client: Socket; accepted: Socket; close: () => void }> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const client = connect(port, '127.0.0.1').pause()
  // The test is about this reset of the connection.
  client.on('error', () => client.destroy())
  closing.push(
    () => client.destroy(),
    () => server.close(),
  )
  const [accepted] = (await once(server, 'connection')) as [Socket]
  accepted.on('error', () => accepted.destroy())
  accepted.on('data', (bytes) => {
    for (let times = 0; times < factor; times++) accepted.write(bytes)
  })
  let close = (): void => {}
  const connection = {
    request: { socket: accepted },
    once: (_event: 'close', listener: () => void) => {
      close = listener
    },
  }
  boundConnection(connection, () => isTrusted)
  return { client, accepted, close: () => close() }
}

/** Writes without end, as fast as the connection takes it. */
function pump(client: Socket): void {
  const write = (): void => {
    while (client.writable && client.write(Buffer.alloc(64 * 1024))) {
      // This writes until the connection takes no more for the moment.
    }
  }
  client.on('drain', write)
  write()
}

test.each([
  ['a stranger', false, MAX_STRANGER_BYTES],
  ['a file-server', true, MAX_BACKLOG_BYTES],
])('%s that sends and does not read is let go before its answers fill the memory', async (_, isTrusted, most) => {
  const { client, accepted } = await echo(isTrusted)
  let largest = 0
  accepted.on('data', () => {
    largest = Math.max(largest, accepted.writableLength)
  })
  pump(client)
  await vi.waitFor(() => expect(accepted.destroyed).toBe(true), 10_000)
  // One read of at most 64 KiB, ten times over, may come on top.
  expect(largest).toBeLessThanOrEqual(most + 10 * 64 * 1024)
})

test('a stranger that goes on sending is let go, though it is owed nothing', async () => {
  const { client, accepted } = await echo(false, 0)
  pump(client)
  await vi.waitFor(() => expect(accepted.destroyed).toBe(true), 10_000)
  expect(accepted.bytesRead).toBeLessThanOrEqual(MAX_STRANGER_BYTES + 64 * 1024)
})

test('a file-server goes on sending for as long as it likes', async () => {
  const { client, accepted } = await echo(true, 0)
  pump(client)
  await vi.waitFor(() => expect(accepted.bytesRead).toBeGreaterThan(100 * MAX_STRANGER_BYTES), 10_000)
  expect(accepted.destroyed).toBe(false)
})

test('a closed connection does not wait for the other side to agree', async () => {
  const { accepted, close } = await echo(false)
  close()
  await vi.waitFor(() => expect(accepted.destroyed).toBe(true), 5_000)
})
