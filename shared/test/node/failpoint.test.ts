import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { failpoint, parseFailpoints } from '@holdfast/shared/node/failpoint'
import { expect, test } from 'vitest'

/** Starts a process that reaches `test.step` three times and says so each time. */
async function reachThrice(environment: Record<string, string>) {
  const script = fileURLToPath(new URL('./failpoint-process.ts', import.meta.url))
  const child = fork(script, [], {
    env: { ...process.env, ...environment },
    execArgv: ['--import', 'tsx'],
    stdio: 'pipe',
  })
  const counts: unknown[] = []
  child.on('message', (count) => counts.push(count))
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  return { counts, code, signal }
}

test('there are no failpoints where FP is not set', () => {
  expect([failpoint, parseFailpoints(undefined), parseFailpoints('')]).toEqual([undefined, undefined, undefined])
})

test('a process dies of SIGKILL the nth time that it reaches the point, which is noted', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-test-failpoint-'))
  try {
    const hits = join(directory, 'hits')
    const end = await reachThrice({ FP: 'other.step:kill,test.step:kill:3', FP_HITS: hits })
    expect(end).toEqual({ counts: [1, 2], code: null, signal: 'SIGKILL' })
    expect(await readFile(hits, 'utf8')).toBe('test.step\n')
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

test('a process whose points are not set goes on', async () => {
  expect(await reachThrice({ FP: 'other.step:kill' })).toEqual({ counts: [1, 2, 3], code: 0, signal: null })
})

test('a point throws the first time, and only then', async () => {
  const reach = parseFailpoints('a.b:throw')
  await expect(reach?.('a.b')).rejects.toThrow('failpoint a.b')
  await expect(reach?.('a.b')).resolves.toBeUndefined()
  await expect(reach?.('a.c')).resolves.toBeUndefined()
})

test('a point holds up whoever reaches it, for a second', async () => {
  const reach = parseFailpoints('a.b:sleep')
  const startedAt = performance.now()
  await reach?.('a.b')
  expect(performance.now() - startedAt).toBeGreaterThan(900)
})

test.each(['a.b', 'a.b:explode', 'a.b:kill:0', 'a b:kill', 'a.b:kill,', ':kill'])('FP=%s is refused', (setting) => {
  expect(() => parseFailpoints(setting)).toThrow(/^FP: not name:kill\|throw\|sleep:nth/)
})
