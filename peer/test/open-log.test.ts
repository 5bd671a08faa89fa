import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openLog } from '../src/open-log.ts'

test('a log that has become long makes place while it is written, and the one before it is kept', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-log-'))
  const log = await openLog(directory, 10_000)
  for (let line = 0; line < 100; line++) log.info({ line }, 'one line of many'.repeat(5))
  const path = join(directory, 'peer.log')
  expect((await stat(path)).size).toBeLessThan(10_001)
  expect(await readFile(path, 'utf8')).toContain('"line":99')
  expect((await stat(`${path}.1`)).size).toBeGreaterThan(5_000)
  await rm(directory, { recursive: true })
})
