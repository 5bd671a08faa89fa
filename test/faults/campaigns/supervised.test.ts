import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { waitUntil } from '../../cluster/wait-until.ts'
import { hooked } from '../cluster/hooked.ts'
import { RecordedClient } from '../load/recorded-client.ts'

const launcher = fileURLToPath(new URL('../../../launcher/dist/main.js', import.meta.url))

let directory = ''
let running: ChildProcess | null = null
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-supervised-'))
})
afterEach(async () => {
  if (running?.exitCode === null && running.signalCode === null) {
    const ended = once(running, 'exit')
    running.kill('SIGTERM')
    await ended
  }
  await rm(directory, { recursive: true, force: true })
})

/** Runs `npm start` on this directory. At SIGUSR2 each of its processes does what the hook says. */
async function launch(hook: Record<string, string>): Promise<string> {
  const { PATH = '', HOME = '' } = process.env
  const mongoUrl = new URL(inject('mongoUrl'))
  mongoUrl.pathname = `/supervised-${randomBytes(6).toString('hex')}`
  const args = [launcher, '--data', directory, '--port', '0', '--file-servers', '2']
  const child = spawn(process.execPath, args, {
    env: { PATH, HOME, MONGO_URL: mongoUrl.href, ...hook },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  running = child
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  await waitUntil('the system runs', () => output.includes('Ctrl-C stops everything') || output, 60_000)
  return /running at (http:\S+)/.exec(output)?.[1] ?? ''
}

/** Finds a child of the launcher by the title that it gives itself. */
async function pidOf(title: string): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  for (const pid of pids) {
    const [status, command] = await Promise.all(
      ['status', 'cmdline'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')),
    )
    const isChild = new RegExp(`^PPid:\\s+${running?.pid}$`, 'm').test(status ?? '')
    if (isChild && command?.startsWith(`holdfast ${title}`)) return Number(pid)
  }
  return 0
}

const ends: [string, Record<string, string>][] = [
  ['forgets to handle a rejection', hooked('reject')],
  ['runs out of memory', hooked('exhaust', '--max-old-space-size=96')],
]

test.each(ends)(
  'row 43, invariant 1: a process that %s ends at once, is started again by its supervisor, and nothing acknowledged is lost',
  async (_what, hook) => {
    const url = await launch(hook)
    using client = new RecordedClient(url)
    for (let index = 0; index < 20; index++) expect(await client.upload(`kept/${index}`, randomBytes(9_000))).toBe(201)
    for (const title of ['file-server 1', 'manager', 'file-server 2']) {
      const before = await pidOf(title)
      expect(before).toBeGreaterThan(0)
      process.kill(before, 'SIGUSR2')
      await waitUntil(
        `${title} was started again`,
        async () => ![0, before].includes(await pidOf(title)) || (await pidOf(title)),
        60_000,
      )
      for (let index = 0; index < 20; index++) {
        await waitUntil(`file ${index} is there`, async () => (await client.download(`kept/${index}`)) === 200, 30_000)
      }
      const isServed = async () => (await client.upload(`after ${title} ${Math.random()}`, randomBytes(9_000))) === 201
      await waitUntil('uploads succeed', isServed, 30_000)
    }
  },
  180_000,
)
