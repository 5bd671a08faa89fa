import { expect, vi } from 'vitest'

// Vitest runs this before each test file, and all files of a process have the same `vi` and `expect`.

/** Vitest's own default is a second, and a busy machine may stand still for longer. */
const PATIENCE_MS = 15_000
const isSetUp = Symbol.for('holdfast.isSetUp')

if (!(isSetUp in vi.waitFor)) {
  const { waitFor } = vi
  const patient: typeof waitFor = (check, options) =>
    waitFor(check, typeof options === 'number' ? options : { timeout: PATIENCE_MS, ...options })
  vi.waitFor = Object.assign(patient, { [isSetUp]: true })
  // Vitest compares two buffers byte by byte in JavaScript, which takes seconds for some MiB.
  expect.addEqualityTesters([
    (left, right) => (Buffer.isBuffer(left) && Buffer.isBuffer(right) ? left.equals(right) : undefined),
  ])
}
