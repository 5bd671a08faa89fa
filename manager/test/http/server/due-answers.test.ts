import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { serve } from '../http-fixture.ts'
import { rawExchange } from '../raw-exchange.ts'

const ask = (method: string, isLast = false): string =>
  `${method} /a HTTP/1.1\r\nHost: 127.0.0.1\r\n${isLast ? 'Connection: close\r\n' : ''}\r\n`

/** Takes a moment for every request. @returns what was begun and ended, in order */
async function order(...methods: string[]): Promise<string> {
  const steps: string[] = []
  const { port } = await serve((router) =>
    router.all('/a', async (ctx) => {
      steps.push(`${ctx.method} begins`)
      await delay(20)
      steps.push(`${ctx.method} ends`)
      ctx.body = 'done'
    }),
  )
  const requests = methods.map((method, index) => ask(method, index === methods.length - 1))
  const answers = await rawExchange(port, requests.join(''))
  expect(answers.match(/HTTP\/1\.1 200 /g)).toHaveLength(methods.length)
  return steps.join(', ')
}

test('requests that were sent without waiting for answers go one after another, where one of them may change something', async () => {
  const inTurn = 'POST begins, POST ends, GET begins, GET ends, DELETE begins, DELETE ends'
  expect(await order('POST', 'GET', 'DELETE')).toBe(inTurn)
  expect(await order('GET', 'GET', 'DELETE')).toBe(
    'GET begins, GET begins, GET ends, GET ends, DELETE begins, DELETE ends',
  )
})

test('a change whose client is gone before its turn is not begun', async () => {
  const begun: string[] = []
  const { port } = await serve((router) =>
    router.all('/a', (ctx) => {
      begun.push(ctx.method)
      ctx.res.destroy()
    }),
  )
  expect(await rawExchange(port, ask('POST') + ask('DELETE'))).toBe('')
  expect(begun).toEqual(['POST'])
})

test('a connection that sends very many requests without waiting for answers is closed, and another one is served', async () => {
  let begun = 0
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  onTestFinished(() => release())
  const { port } = await serve((router) =>
    router.all('/a', async (ctx) => {
      begun++
      await held
      ctx.body = 'done'
    }),
  )
  expect(await rawExchange(port, ask('DELETE').repeat(5_000))).toBe('')
  expect(begun).toBe(1)
  const { port: other } = await serve((router) =>
    router.all('/a', (ctx) => {
      ctx.body = 'done'
    }),
  )
  expect((await rawExchange(other, `${ask('GET').repeat(50)}${ask('GET', true)}`)).match(/ 200 /g)).toHaveLength(51)
})

test('of very many safe requests that were sent at once only a few are begun before earlier answers are out', async () => {
  let [underWay, most] = [0, 0]
  const { port } = await serve((router) =>
    router.all('/a', async (ctx) => {
      most = Math.max(most, ++underWay)
      await delay(5)
      underWay--
      ctx.body = 'done'
    }),
  )
  const asked = ask('POST') + ask('GET').repeat(40) + ask('GET', true)
  expect((await rawExchange(port, asked)).match(/ 200 /g)).toHaveLength(42)
  expect(most).toBe(8)
})
