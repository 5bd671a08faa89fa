import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)
const rootOf = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url))

test('writes JSON lines with the level as a word, and no secrets or bytes', async () => {
  const script = `
    import { createLogger } from '@holdfast/shared/node/logger'
    const log = createLogger('manager', 'info')
    log.debug('not shown')
    log.info({ requestId: 'r1', secret: 's3cret', bytes: Buffer.from('s3cret'), settings: { secret: 's3cret' } }, 'upload done')
  `
  const args = ['--import', 'tsx', '--input-type=module', '--eval', script]
  const env = { ...process.env, TSX_TSCONFIG_PATH: rootOf('tsconfig.check.json') }
  const { stdout } = await run(process.execPath, args, { cwd: rootOf('shared'), env })
  const line = JSON.parse(stdout) as Record<string, unknown>
  expect(line).toMatchObject({ level: 'info', process: 'manager', message: 'upload done', requestId: 'r1' })
  expect(new Date(String(line.time)).toISOString()).toBe(line.time)
  expect(stdout).not.toContain('s3cret')
})
