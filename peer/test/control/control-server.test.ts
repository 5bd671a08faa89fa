import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Command } from '../../src/commands/command.ts'
import type { Ui } from '../../src/commands/peer-deps.ts'
import { askRunningPeer } from '../../src/control/control-client.ts'
import { type ControlDeps, ControlServer } from '../../src/control/control-server.ts'
import { PeerError } from '../../src/peer-error.ts'

let directory: string
let server: ControlServer | null
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-control-'))
})
afterEach(async () => {
  await server?.close()
  server = null
  await rm(directory, { recursive: true })
})

async function run(work: ControlDeps['run']): Promise<void> {
  server = await ControlServer.open({ directory, run: work, log: pino({ level: 'silent' }) })
}

function ask(wanted: Command = { name: 'list' }, signal = AbortSignal.timeout(5_000)) {
  const said: unknown[] = []
  const ui: Ui = {
    print: (line) => said.push(line),
    say: (line) => said.push(`(${line})`),
    progress: (...progress) => said.push(progress),
  }
  return { said, answer: askRunningPeer(directory, wanted, ui, signal) }
}

test('a command is carried out by the peer that runs, and what it says comes here', async () => {
  const hashing = { doneBytes: 1, totalBytes: 2, bytesPerSecond: 0.5, peers: null, secondsLeft: null }
  await run(async (wanted, ui) => {
    ui.print(JSON.stringify(wanted))
    ui.say('two\nlines')
    ui.progress('film', hashing)
  })
  const { said, answer } = ask({ name: 'download', torrent: '/a', path: '/b' })
  expect(await answer).toBe(true)
  expect(said).toEqual(['{"name":"download","torrent":"/a","path":"/b"}', '(two\nlines)', ['film', hashing]])
})

test('a failure is told in its sentence', async () => {
  await run(() => Promise.reject(new PeerError('the tracker is away')))
  await expect(ask().answer).rejects.toThrow('the tracker is away')
})

test('whoever hangs up ends his command', async () => {
  const ended = vi.fn()
  const hangUp = new AbortController()
  await run(async (_wanted, _ui, signal) => {
    signal.addEventListener('abort', ended)
    hangUp.abort()
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
  })
  await expect(ask({ name: 'list' }, hangUp.signal).answer).rejects.toThrow('interrupted')
  await vi.waitFor(() => expect(ended).toHaveBeenCalled(), { timeout: 5_000 })
})

test('a peer that ends in the middle is not taken for one that has done it', async () => {
  await run(async (_wanted, ui) => {
    ui.say('begun')
    await server?.close()
  })
  await expect(ask().answer).rejects.toThrow('the running peer ended')
})

test('where none runs, or one was killed, nobody is asked', async () => {
  expect(await ask().answer).toBe(false)
  await run(async () => undefined)
  const left = await readFile(join(directory, 'control.json'), 'utf8')
  await server?.close()
  await writeFile(join(directory, 'control.json'), left)
  expect(await ask().answer).toBe(false)
})

test('only the user has the token, and without it nothing is done', async () => {
  const work = vi.fn(async () => undefined)
  await run(work)
  expect((await stat(join(directory, 'control.json'))).mode & 0o077).toBe(0)
  const { port } = JSON.parse(await readFile(join(directory, 'control.json'), 'utf8'))
  for (const authorization of ['', `Bearer ${'0'.repeat(64)}`]) {
    const headers = { authorization }
    const body = JSON.stringify({ name: 'list' })
    expect((await fetch(`http://127.0.0.1:${port}/command`, { method: 'POST', headers, body })).status).toBe(401)
  }
  expect(work).not.toHaveBeenCalled()
})

test('more commands than it can carry out at once are refused', async () => {
  const over = new AbortController()
  let begun = 0
  await run((_wanted, _ui, signal) => {
    begun += 1
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
  })
  const asked = Array.from({ length: 20 }, () => ask({ name: 'list' }, over.signal).answer.catch(() => undefined))
  await vi.waitFor(() => expect(begun).toBe(20), { timeout: 5_000 })
  await expect(ask().answer).rejects.toThrow('too much to do')
  over.abort()
  await Promise.all(asked)
})
