import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { buildCheckout } from '../../src/processes/other-checkout.ts'
import { startHoldfast } from '../../src/processes/start-holdfast.ts'

let root: string
beforeEach(async () => {
  // A space, as paths of people have it.
  root = await mkdtemp(join(tmpdir(), 'holdfast other-'))
  await mkdir(join(root, 'scripts'))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(root, { recursive: true, force: true })
})

/** It notes what it was given, says that it is ready as the real one does, and waits for its end. */
const launcher = `
const fs = require('node:fs')
const data = process.argv[process.argv.indexOf('--data') + 1]
fs.mkdirSync(data, { recursive: true })
const given = { args: process.argv.slice(2), mongo: process.env.MONGO_URL ?? null }
fs.writeFileSync(data + '/given.json', JSON.stringify(given))
fs.writeFileSync(data + '/run.json.new', JSON.stringify({ managerUrl: 'http://127.0.0.1:9', mongoUrl: 'mongodb://other' }))
fs.renameSync(data + '/run.json.new', data + '/run.json')
setInterval(() => undefined, 1000)
`
const build = `
import { mkdirSync, writeFileSync } from 'node:fs'
mkdirSync('launcher/dist', { recursive: true })
writeFileSync('launcher/dist/main.js', ${JSON.stringify(launcher)})
`

describe('another checkout', () => {
  it('is built by its own script, and its system is started with a database of its own', async () => {
    await writeFile(join(root, 'scripts/build.mjs'), build)
    const data = join(root, 'data')
    vi.stubEnv('MONGO_URL', 'mongodb://mine')
    await using system = await startHoldfast(data, 3, { launcher: await buildCheckout(root) })
    expect(system).toMatchObject({ url: 'http://127.0.0.1:9', mongoUrl: 'mongodb://other' })
    const given = JSON.parse(await readFile(join(data, 'given.json'), 'utf8')) as object
    expect(given).toEqual({ args: ['--port', '0', '--data', data, '--file-servers', '3'], mongo: null })
  })

  it('that cannot be built is refused with what its script said', async () => {
    await writeFile(join(root, 'scripts/build.mjs'), `console.error('no such type'); process.exit(1)`)
    await expect(buildCheckout(root)).rejects.toThrow(/--beside .* could not be built: [\s\S]*no such type/)
  })

  it('that is no checkout is refused in a sentence', async () => {
    await expect(buildCheckout(join(root, 'nowhere'))).rejects.toThrow('has no scripts/build.mjs')
  })
})
