import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { useDataDirectory } from './store/store-fixture.ts'

const data = useDataDirectory()
const rootOf = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))

/** Runs a file-server until it ends by itself. */
function run(directory: string): Promise<{ code: unknown; output: string }> {
  const env = {
    ...process.env,
    TSX_TSCONFIG_PATH: rootOf('tsconfig.check.json'),
    CLUSTER_SECRET: 'a secret of this test',
    DATA_DIR: directory,
    DATA_ROOT: '',
  }
  return new Promise((resolve) => {
    const args = ['--import', 'tsx', rootOf('file-server/src/main.ts')]
    execFile(process.execPath, args, { cwd: rootOf('.'), env, timeout: 45_000 }, (error, output) =>
      resolve({ code: error === null ? 0 : error.code, output }),
    )
  })
}

test('a file-server refuses a data directory of format 1 in one sentence, with exit code 1, and leaves it as it is', async () => {
  await mkdir(data.path('tree'), { recursive: true })
  const identity = JSON.stringify({ format: 1, radix: 36, serverId: 'a1'.repeat(8), clusterId: null })
  await writeFile(data.path('identity.json'), identity)
  const { code, output } = await run(data.path())
  expect(code).toBe(1)
  const lines = output.trim().split('\n')
  expect(lines).toHaveLength(1)
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    level: 'fatal',
    message: 'cannot start',
    reason: `${data.path()} is a data directory of format 1, and this version of Holdfast reads format 2: start the version that made it, or use an empty directory`,
  })
  expect((await readdir(data.path())).sort()).toEqual(['identity.json', 'tree'])
  expect(await readFile(data.path('identity.json'), 'utf8')).toBe(identity)
})
