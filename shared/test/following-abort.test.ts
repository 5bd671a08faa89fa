import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { FollowingAbort } from '../src/following-abort.ts'

test('fires when the other does, for the same reason', () => {
  const leader = new AbortController()
  using following = new FollowingAbort(leader.signal)
  expect(following.signal.aborted).toBe(false)
  leader.abort(new Error('the end'))
  expect(following.signal.reason).toEqual(new Error('the end'))
  using late = new FollowingAbort(leader.signal)
  expect(late.signal.aborted).toBe(true)
})

test('fires by itself, and then the other does not', () => {
  const leader = new AbortController()
  using following = new FollowingAbort(leader.signal)
  following.abort()
  expect([following.signal.aborted, leader.signal.aborted]).toEqual([true, false])
})

test('leaves nothing at the other when it is disposed', () => {
  const leader = new AbortController()
  for (let times = 0; times < 3; times++) {
    using following = new FollowingAbort(leader.signal)
    expect(getEventListeners(leader.signal, 'abort')).toHaveLength(1)
    expect(following.signal.aborted).toBe(false)
  }
  expect(getEventListeners(leader.signal, 'abort')).toHaveLength(0)
})
