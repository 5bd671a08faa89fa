import { constants } from 'node:fs'
import { access, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { withBootstrapLock } from '../../scripts/bootstrap-lock.mjs'

const onPath = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const LAUNCH_MS = 60_000

interface Program {
  readonly executablePath: string
  readonly env: NodeJS.ProcessEnv
}

/** @returns the browser that `npm ci` has brought, else one on the PATH. Where there is none, the output says so. */
export async function findBrowser(): Promise<Program | null> {
  const found = (await unpackBrowser()) ?? (await findOnPath())
  if (found === null) console.error('NOT TESTED, for there is no browser: the page (a chromium on the PATH would do)')
  return found
}

export async function launchBrowser(program: Program): Promise<Browser> {
  const env = Object.fromEntries(Object.entries(program.env).filter(([, value]) => value !== undefined))
  const { executablePath } = program
  const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--font-render-hinting=none']
  return chromium.launch({ executablePath, args, env: env as Record<string, string>, timeout: LAUNCH_MS })
}

/** The package has a browser for x86-64 Linux, which is unpacked into the temporary directory, once. */
async function unpackBrowser(): Promise<Program | null> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return null
  const { default: packed } = await import('@sparticuz/chromium')
  const done = join(tmpdir(), 'holdfast-chromium-149.0.0')
  let executablePath = ''
  await withBootstrapLock(
    `${done}.lock`,
    () => undefined,
    async () => {
      if (!(await isThere(done, constants.F_OK)))
        // What somebody who was killed has begun is not taken for a whole one.
        for (const name of ['chromium', 'fonts']) await rm(join(tmpdir(), name), { recursive: true, force: true })
      executablePath = await packed.executablePath()
      await writeFile(done, '')
    },
  )
  return { executablePath, env: { ...process.env, FONTCONFIG_PATH: join(tmpdir(), 'fonts') } }
}

async function findOnPath(): Promise<Program | null> {
  for (const folder of (process.env.PATH ?? '').split(delimiter))
    for (const name of onPath) {
      const executablePath = join(folder, name)
      if (await isThere(executablePath, constants.X_OK)) return { executablePath, env: process.env }
    }
  return null
}

function isThere(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  )
}
