import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'

const rootOf = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url))
const children: ChildProcess[] = []

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

function startProcess(behaviour: string) {
  const child = fork(rootOf('shared/test/node/service-process.ts'), [behaviour], {
    execArgv: ['--import', 'tsx'],
    env: { ...process.env, TSX_TSCONFIG_PATH: rootOf('tsconfig.check.json') },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  children.push(child)
  if (child.stdout === null) throw new Error('no standard output')
  const lines = text(child.stdout).then((output) =>
    output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { level: string; message: string; reason?: string }),
  )
  const ended = once(child, 'exit').then(async ([code]) => ({ code: code as number | null, lines: await lines }))
  return { child, ended, told: () => once(child, 'message') }
}

test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('ends orderly with code 0 at %s', async (signal) => {
  const { child, ended, told } = startProcess('run')
  await told()
  child.kill(signal)
  const { code, lines } = await ended
  expect(code).toBe(0)
  expect(lines.map((line) => line.message)).toEqual(['stopping', 'closed', 'stopped'])
  expect(lines[0]?.reason).toBe(signal)
})

test('ends orderly when its parent is gone', async () => {
  const { child, ended, told } = startProcess('run')
  await told()
  child.disconnect()
  const { code, lines } = await ended
  expect(code).toBe(0)
  expect(lines[0]).toMatchObject({ message: 'stopping', reason: 'parent gone' })
})

test('closes what it started when it is ended during the start', async () => {
  const { child, ended, told } = startProcess('slow start')
  await told()
  child.kill('SIGTERM')
  const { code, lines } = await ended
  expect(code).toBe(0)
  expect(lines.map((line) => line.message)).toEqual(['stopping', 'closed', 'stopped'])
})

test('ends orderly when it is ended during a start that waits, without waiting for it', async () => {
  const { child, ended, told } = startProcess('waiting start')
  await told()
  child.kill('SIGTERM')
  const { code, lines } = await ended
  expect(code).toBe(0)
  expect(lines.map((line) => line.message)).toEqual(['stopped'])
})

test.each([
  ['start error', { message: 'cannot start', reason: 'the port is taken' }],
  ['settings', { message: 'cannot start', reason: 'NEVER_SET is required: a port' }],
  ['failed', { message: 'failed' }],
  ['unhandled', { message: 'unhandled error' }],
])('ends with code 1 and one line that says why: %s', async (behaviour, line) => {
  const { code, lines } = await startProcess(behaviour).ended
  expect(code).toBe(1)
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatchObject({ level: 'fatal', ...line })
})
