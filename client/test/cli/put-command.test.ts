import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { sendError } from '../stand-in-manager.ts'
import { endGroup, isReadyForSignals, main, outcomeOf, Workplace } from './run-holdfast.ts'

/** A timer that is left, or a source that goes on, would hold the process for this long. */
const HELD_MS = 25_000

let workplace: Workplace

beforeEach(async () => {
  workplace = await Workplace.make()
  workplace.manager.files.set('taken', Buffer.from('x'))
  await writeFile(workplace.path('large'), Buffer.alloc(5_000_000))
})
afterEach(() => workplace[Symbol.asyncDispose]())

test.each([
  ['a file', 'hf put large taken'],
  ['standard input that goes on', 'hf put - taken < <(cat large; sleep 30)'],
  ['a pipe that goes on', 'hf put <(cat large; sleep 30) taken'],
  ['a named pipe that goes on', 'mkfifo fifo; (exec 3>fifo; cat large >&3; exec sleep 30) & hf put fifo taken'],
])('ends as soon as an early answer refuses %s', async (_, line) => {
  workplace.manager.nextAnswers.push((_, response) => sendError(response, 'FILE_EXISTS'))
  const startedAt = performance.now()
  const child = workplace.spawn('bash', ['-c', `hf() { exec "${process.execPath}" "$MAIN" "$@"; }; ${line}`], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const errors = once(child.stderr ?? child, 'data')
  expect(await once(child, 'exit')).toEqual([4, null])
  expect(performance.now() - startedAt).toBeLessThan(HELD_MS)
  expect(String((await errors)[0])).toContain('File name already exists (code 3)')
  endGroup(child)
})

test('opens no request before its producer gives something, and bears with it for as long as it is told to', async () => {
  const child = workplace.spawn(process.execPath, [main, 'put', '--patience', '1', '-', 'late'])
  const [stderr] = await once(child.stderr ?? child, 'data')
  expect(String(stderr)).toContain('(code 18): the source gave nothing for 1 s')
  expect(await once(child, 'exit')).toEqual([5, null])
  expect(workplace.manager.requests).toEqual([])
})

test('takes the last part of the path after a name that ends with a slash', async () => {
  await mkdir(workplace.path('there'))
  await writeFile(workplace.path('there/f'), 'x')
  expect(await workplace.run(['put', 'there/f', 'dir/'])).toMatchObject({ code: 0 })
  expect(workplace.manager.files.has('dir/f')).toBe(true)
  expect(await workplace.run(['put', '-', 'dir/'])).toMatchObject({ code: 2 })
})

test('stores under a class, for a time, and in the place of another file where it is told to', async () => {
  const put = (...args: string[]) => workplace.run(['put', 'large', ...args])
  expect(await put('r', '--class', 'replicated', '--expires', '7d')).toMatchObject({ code: 0 })
  expect(await put('taken', '--class', 'replicated')).toMatchObject({
    code: 4,
    errors: 'holdfast: large: File name already exists (code 3)\n',
  })
  expect(await put('taken', '--replace')).toMatchObject({ code: 0, errors: '' })
  expect(workplace.manager.files.get('taken')?.length).toBe(5_000_000)
  expect(workplace.manager.requests).toEqual([
    'PUT /file/r?class=replicated&expires=7d',
    'PUT /file/taken?class=replicated',
    'PUT /file/taken?class=single',
  ])
  expect(await put('r', '--class', 'other')).toMatchObject({ code: 2 })
})

test('says that fewer file-servers have a file than should', async () => {
  const answer = { filename: 'a', id: 'f', sizeBytes: 5_000_000, degraded: true }
  workplace.manager.nextAnswers.push(async (request, response) => {
    for await (const _ of request);
    response.writeHead(201).end(JSON.stringify(answer))
  })
  const { text, code } = await workplace.run(['put', 'large', 'a', '--class', 'replicated'])
  expect([code, text]).toEqual([0, 'stored a (4.8 MiB, id f; fewer file-servers have it yet than should)\n'])
})

test('stores what a pipe gives', async () => {
  expect(await workplace.bash('hf put <(printf piped) p')).toMatchObject({ code: 0 })
  expect(workplace.manager.files.get('p')?.toString()).toBe('piped')
})

test('takes no directory for an empty input', async () => {
  expect(await workplace.bash('hf put - x < /')).toMatchObject({ code: 1, errors: expect.stringContaining('EISDIR') })
  expect(workplace.manager.files.has('x')).toBe(false)
})

test('ends at a signal while nobody writes into its named pipe', async () => {
  await workplace.bash('mkfifo fifo')
  const child = workplace.spawn(process.execPath, [main, 'put', 'fifo', 'x'])
  const ended = outcomeOf(child)
  await vi.waitFor(() => isReadyForSignals(child), 10_000)
  child.kill('SIGHUP')
  expect(await ended).toMatchObject({ code: 130, errors: 'holdfast: fifo: interrupted\n' })
})
