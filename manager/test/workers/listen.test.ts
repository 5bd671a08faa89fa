import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { listen } from '../../src/workers/listen.ts'

test.each([
  ['localhost', /^http:\/\/localhost:\d+\/$/],
  ['127.0.0.1', /^http:\/\/127\.0\.0\.1:\d+\/$/],
])('tells the address %s by the name that was given', async (host, expected) => {
  const server = createServer()
  try {
    expect((await listen(server, { host, port: 0 })).href).toMatch(expected)
  } finally {
    server.close()
  }
})
