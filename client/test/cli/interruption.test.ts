import { afterEach, expect, test, vi } from 'vitest'
import { watchSignals } from '../../src/cli/interruption.ts'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const before = new Map(signals.map((signal) => [signal, process.listeners(signal)]))
afterEach(() => {
  vi.useRealTimers()
  for (const signal of signals)
    for (const listener of process.listeners(signal))
      if (!before.get(signal)?.includes(listener)) process.off(signal, listener)
})

test('a second signal is one with the first, and only a later one forces the end', () => {
  vi.useFakeTimers()
  const force = vi.fn()
  const interrupted = watchSignals(force)
  process.emit('SIGINT')
  expect(interrupted.reason).toBe('SIGINT')
  process.emit('SIGINT')
  expect(process.emit('SIGTERM')).toBe(true)
  expect(force).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1_000)
  process.emit('SIGINT')
  expect(force).toHaveBeenCalledOnce()
})
