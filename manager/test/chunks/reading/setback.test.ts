import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Setback } from '../../../src/chunks/reading/setback.ts'

const RETRY_AFTER_MS = 30_000

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** Makes a setback, and keeps what it has said. */
function newSetback() {
  const said: unknown[] = []
  const setback = new Setback({ info: (...line: unknown[]) => void said.push(line) }, 'the slower way is taken')
  const sayingOf = (reason: string) => [{ reason }, 'the slower way is taken']
  return { setback, said, sayingOf }
}

test('what has not failed may be tried', () => {
  const { setback, said } = newSetback()
  expect([setback.isOver, said]).toEqual([true, []])
})

test('what failed is left alone for a while, counted from its last failure', () => {
  const { setback } = newSetback()
  for (let count = 0; count < 2; count++) {
    setback.note('it broke')
    vi.advanceTimersByTime(RETRY_AFTER_MS - 1)
    expect(setback.isOver).toBe(false)
  }
  vi.advanceTimersByTime(1)
  expect(setback.isOver).toBe(true)
})

test('a reason is said once for as long as it is the same', () => {
  const { setback, said, sayingOf } = newSetback()
  for (const reason of ['it broke', 'it broke', 'it is gone', 'it is gone', 'it broke']) {
    setback.note(reason)
    vi.advanceTimersByTime(RETRY_AFTER_MS)
  }
  expect(said).toEqual(['it broke', 'it is gone', 'it broke'].map(sayingOf))
})

test('after it has worked a reason is said anew', () => {
  const { setback, said, sayingOf } = newSetback()
  setback.note('it broke')
  setback.forget()
  setback.note('it broke')
  expect(said).toEqual([sayingOf('it broke'), sayingOf('it broke')])
})
