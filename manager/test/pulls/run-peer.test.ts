import { existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { runPeer } from '../../src/pulls/run-peer.ts'

const project = fileURLToPath(new URL('../../..', import.meta.url))
const hooks = { onKnown: async () => undefined, onProgress: () => undefined, onTrouble: () => undefined }
const order = { directory: '', infoHash: '', magnet: null, allowsPrivate: false, patienceMs: 1_000 }
let tree: string
let npmPid: number | null = null
beforeEach(async () => {
  tree = await mkdtemp(join(tmpdir(), 'holdfast-run-peer-'))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  if (npmPid !== null && isAlive(npmPid)) process.kill(npmPid, 'SIGKILL')
  await rm(tree, { recursive: true })
})

test('a pull that is called off while the peer is installed ends npm, which nobody else would wait for', async () => {
  for (const folder of ['scripts', 'web']) await mkdir(join(tree, folder))
  const copied = ['pull', 'bootstrap', 'bootstrap-lock', 'bundles', 'run-child'].map((name) => `scripts/${name}.mjs`)
  for (const path of [...copied, 'web/sources.mjs']) await copyFile(join(project, path), join(tree, path))
  const packages = { peer: { dependencies: { missing: '1' } }, 'node_modules/missing': { version: '1' } }
  await writeFile(join(tree, 'package-lock.json'), JSON.stringify({ packages }))
  const [npm, note] = [join(tree, 'npm.js'), join(tree, 'npm.pid')]
  await writeFile(
    npm,
    `require('fs').writeFileSync(${JSON.stringify(note)}, String(process.pid)); setInterval(() => {}, 1e6)`,
  )
  vi.stubEnv('npm_execpath', npm)
  const calledOff = new AbortController()
  const running = runPeer([join(tree, 'scripts', 'pull.mjs')], order, hooks, calledOff.signal)
  running.catch(() => undefined)
  npmPid = await vi.waitFor(async () => {
    const read = Number(await readFile(note, 'utf8'))
    expect(read).toBeGreaterThan(0)
    return read
  }, 15_000)
  calledOff.abort()
  await expect(running).rejects.toThrow('aborted')
  expect(isAlive(npmPid)).toBe(false)
  expect(existsSync(join(tree, '.bootstrap-lock'))).toBe(false)
}, 30_000)

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    expect(error).toMatchObject({ code: 'ESRCH' })
    return false
  }
}
