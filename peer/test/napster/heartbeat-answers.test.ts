import { EventEmitter } from 'node:events'
import type UTP from 'utp-native'
import { expect, test, vi } from 'vitest'
import { answerHeartbeats } from '../../src/napster/heartbeat-answers.ts'

test('what others send keeps nobody from answering the tracker, and is not taken for a heartbeat of it', () => {
  const send = vi.fn()
  const udp = Object.assign(new EventEmitter(), { send })
  const heard = vi.fn()
  answerHeartbeats(udp as unknown as UTP, (address) => address === '10.0.0.1', heard)
  const ask = (address: string) => udp.emit('message', Buffer.from(`HB1 ${'ab'.repeat(16)}`), { address, port: 80 })
  for (let times = 0; times < 100; times++) ask('10.6.6.6')
  // A second may end in between.
  expect(send.mock.calls.length).toBeLessThan(61)
  for (let other = 0; other < 3_000; other++) ask(`10.7.${other >> 8}.${other & 255}`)
  expect(heard).not.toHaveBeenCalled()
  ask('10.0.0.1')
  expect(heard).toHaveBeenCalledOnce()
  expect(send.mock.lastCall?.[4]).toBe('10.0.0.1')
})
