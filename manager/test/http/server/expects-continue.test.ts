import { expect, test } from 'vitest'
import { expectsContinue } from '../../../src/http/server/expects-continue.ts'
import { serve } from '../http-fixture.ts'
import { rawExchange } from '../raw-exchange.ts'

/** Node itself refuses what else is expected, and no route is told of that. */
test.each([
  ['1.1', '', [false]],
  ['1.1', 'Expect:\r\n', []],
  ['1.1', 'Expect: 100-continue\r\n', [true]],
  ['1.1', 'expect: 100-Continue\r\n', [true]],
  ['1.1', 'Expect: x, 100-continue;q=1\r\n', [true]],
  ['1.1', 'Expect: x\r\nExpect: 100-continue\r\n', [true]],
  ['1.1', 'Expect: 100-continue\r\nExpect: x\r\n', [true]],
  ['1.1', 'Expect: 100-continued\r\n', []],
  ['1.0', 'Expect: 100-continue\r\n', [false]],
])('of HTTP/%s with %j a route is told what Node has judged: %j', async (version, header, expected) => {
  const told: boolean[] = []
  const { server, port } = await serve((router) => {
    router.post('/a', (ctx) => {
      told.push(expectsContinue(ctx.req))
      ctx.body = ''
    })
  })
  let isLeftToUs = false
  server.on('checkContinue', () => {
    isLeftToUs = true
  })
  await rawExchange(port, `POST /a HTTP/${version}\r\nHost: 127.0.0.1\r\n${header}Connection: close\r\n\r\n`)
  expect(told).toEqual(expected)
  expect(isLeftToUs).toBe(expected.includes(true))
})
