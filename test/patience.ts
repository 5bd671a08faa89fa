import { vi } from 'vitest'

/** Vitest's own default is a second, and a busy machine may stand still for longer. */
const PATIENCE_MS = 15_000
const isPatient = Symbol.for('holdfast.isPatient')

// This runs before each test file, and all files of a process have the same `vi`.
if (!(isPatient in vi.waitFor)) {
  const { waitFor } = vi
  const patient: typeof waitFor = (check, options) =>
    waitFor(check, typeof options === 'number' ? options : { timeout: PATIENCE_MS, ...options })
  vi.waitFor = Object.assign(patient, { [isPatient]: true })
}
