import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)
const rootOf = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url))

const argsFor = (script: string) => ['--import', 'tsx', '--input-type=module', '--eval', script]
const options = {
  cwd: rootOf('shared'),
  env: { ...process.env, TSX_TSCONFIG_PATH: rootOf('tsconfig.check.json') },
}

test('an output that is full, or that nobody reads any more, ends nothing', async () => {
  const script = `
    import { createLogger } from '@holdfast/shared/node/logger'
    const log = createLogger('manager', 'info')
    for (let line = 0; line < 20_000; line++) {
      log.info({ line }, 'x'.repeat(200))
      await null
    }
    process.exitCode = 7
  `
  await using full = await open('/dev/full', 'w')
  const intoFull = spawn(process.execPath, argsFor(script), { ...options, stdio: ['ignore', full.fd, 'inherit'] })
  expect(await once(intoFull, 'exit')).toEqual([7, null])
  const unread = spawn(process.execPath, argsFor(script), { ...options, stdio: ['ignore', 'pipe', 'inherit'] })
  unread.stdout.once('data', () => unread.stdout.destroy())
  expect(await once(unread, 'exit')).toEqual([7, null])
})

test('writes JSON lines with the level as a word, and no secrets or bytes', async () => {
  const script = `
    import { createLogger } from '@holdfast/shared/node/logger'
    const log = createLogger('manager', 'info')
    log.debug('not shown')
    log.info({ requestId: 'r1', secret: 's3cret', bytes: Buffer.from('s3cret'), settings: { secret: 's3cret', clusterSecret: 's3cret' }, ticket: 's3cret', request: { headers: { authorization: 's3cret' }, authorization: 's3cret', ticket: 's3cret' } }, 'upload done')
  `
  const { stdout } = await run(process.execPath, argsFor(script), options)
  const line = JSON.parse(stdout) as Record<string, unknown>
  expect(line).toMatchObject({ level: 'info', process: 'manager', message: 'upload done', requestId: 'r1' })
  expect(new Date(String(line.time)).toISOString()).toBe(line.time)
  expect(stdout).not.toContain('s3cret')
})
