import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readSpecial, writeSpecial } from '../../src/node/special-file.ts'

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-special-file-'))
})
afterEach(() => rm(directory, { recursive: true }))

/** Fires as soon as somebody listens to it, which is before the pipe has been opened. */
function firesWhenHeard(): AbortSignal {
  const controller = new AbortController()
  const { signal } = controller
  const listen = signal.addEventListener.bind(signal)
  signal.addEventListener = (...listened: Parameters<typeof listen>) => {
    listen(...listened)
    controller.abort(new Error('interrupted'))
  }
  return signal
}

test.each([
  ['reading', readSpecial],
  ['writing', writeSpecial],
] as const)('a signal that comes before the pipe is being opened ends %s', async (_, open) => {
  const path = join(directory, 'fifo')
  await promisify(execFile)('mkfifo', [path])
  await expect(open(path, firesWhenHeard())).rejects.toThrow('interrupted')
})
