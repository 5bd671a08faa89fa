import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { watchRequests } from '../../../src/http/server/drain.ts'
import { serve } from '../http-fixture.ts'

const HEAD = 'GET /a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'

test('a client that goes away before the answers to several requests ends them all, and holds no stop up', async () => {
  let begun = 0
  let told = 0
  const { server, port } = await serve((router) =>
    router.get('/a', async (ctx) => {
      begun++
      await new Promise((resolve) => ctx.state.signal.addEventListener('abort', resolve))
      told++
      ctx.body = 'done'
    }),
  )
  const drain = watchRequests(server)
  const client = connect(port, '127.0.0.1').on('error', () => undefined)
  client.write(HEAD.repeat(3))
  await expect.poll(() => begun).toBe(3)
  client.resetAndDestroy()
  const startedAt = performance.now()
  await drain()
  expect(performance.now() - startedAt).toBeLessThan(9_000)
  expect(told).toBe(3)
})
