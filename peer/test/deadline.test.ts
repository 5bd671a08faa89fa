import { getEventListeners, once } from 'node:events'
import { expect, test } from 'vitest'
import { Deadline } from '../src/deadline.ts'

test('fires after a while, or when the other does', async () => {
  const leader = new AbortController()
  using deadline = new Deadline(leader.signal, 10)
  await once(deadline.signal, 'abort')
  expect(deadline.signal.reason).toEqual(new Error('no answer has come within 0.01 s'))
  using led = new Deadline(leader.signal, 10_000)
  leader.abort(new Error('the end'))
  expect(led.signal.reason).toEqual(new Error('the end'))
})

test('leaves nothing behind when it is disposed', async () => {
  const leader = new AbortController()
  const deadline = new Deadline(leader.signal, 10)
  deadline[Symbol.dispose]()
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect([deadline.signal.aborted, getEventListeners(leader.signal, 'abort')]).toEqual([false, []])
})
