import { once } from 'node:events'
import { createServer } from 'node:http'
import { waitForFileServers, waitUntilOk } from '@holdfast/launcher/start/wait-until-ready'
import { afterEach, expect, test } from 'vitest'

const server = createServer((request, response) => {
  response.statusCode = request.url === '/ready' ? 503 : 200
  response.end(request.url === '/active-nodes' ? '[{}, {}]' : '{}')
})
afterEach(() => server.close())

/** fetch refuses these ports. */
const candidates = [10_080, 6697, 6679, 6669, 6668, 6667, 6666, 6665, 6566, 6000, 5061, 5060, 4190, 4045, 3659, 2049]

async function listenOnOneOf([port, ...others]: readonly number[]): Promise<number> {
  if (port === undefined) throw new Error('all these ports are taken')
  server.listen(port, '127.0.0.1')
  const isListening = once(server, 'listening').then(() => true)
  return (await isListening.catch(() => false)) ? port : listenOnOneOf(others)
}

test('readiness is seen on a port that fetch refuses, and told from what only listens', async () => {
  const managerUrl = `http://127.0.0.1:${await listenOnOneOf(candidates)}`
  await expect(fetch(managerUrl)).rejects.toMatchObject({ cause: { message: 'bad port' } })
  const options = { managerUrl, signal: new AbortController().signal, deadlineMs: 10_000 }
  await waitUntilOk('/health', options)
  expect(await waitForFileServers(2, options)).toBe(2)
  await expect(waitUntilOk('/ready', { ...options, deadlineMs: 300 })).rejects.toThrow(
    'The manager was not ready after 0.3 s.',
  )
})
