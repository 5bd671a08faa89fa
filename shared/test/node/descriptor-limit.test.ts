import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const tsx = createRequire(import.meta.url).resolve('tsx/cjs')
const script = fileURLToPath(new URL('../../src/node/descriptor-limit.ts', import.meta.url))
const code = `
  try {
    require(${JSON.stringify(script)}).requireDescriptors()
    console.log('enough')
  } catch (error) {
    console.log(error.message)
  }`

function outputUnder(limit: number): Promise<string> {
  const command = ['-c', `ulimit -n ${limit} && exec "$0" "$@"`, process.execPath, '--require', tsx, '--eval', code]
  return new Promise((resolve, reject) => {
    execFile('sh', command, (error, stdout) => {
      if (error === null) resolve(stdout.trim())
      else reject(error)
    })
  })
}

it.runIf(process.platform === 'linux')('names a limit of descriptors that is too low to run', async () => {
  expect(await outputUnder(64)).toBe(
    'This process may have 64 files open at a time (ulimit -n), and 256 are the least it runs with: raise the limit, best to 65536.',
  )
  expect(await outputUnder(255)).toMatch(/^This process may have 255 files open/)
  expect(await outputUnder(256)).toBe('enough')
})
