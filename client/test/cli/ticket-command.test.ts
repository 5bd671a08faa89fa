import { mkdir, writeFile } from 'node:fs/promises'
import { bodyDigest, findTicketProblem, MANAGER_TICKET } from '@holdfast/shared/node/ticket'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Workplace } from './run-holdfast.ts'

const secret = 'the secret of this cluster'

let workplace: Workplace

beforeEach(async () => {
  workplace = await Workplace.make()
})
afterEach(() => workplace[Symbol.asyncDispose]())

const holdfast = (args: string[], CLUSTER_SECRET = secret, input?: Uint8Array) =>
  workplace.run(['ticket', ...args], input, { env: { CLUSTER_SECRET } })

/** @returns what is wrong with the ticket that was printed, for this request and now, or so long after it expires */
function problemOf(text: string, request: { method: string; path: string; body?: string }, expiredSeconds?: number) {
  const { method, path, body = '' } = request
  const asked = { method, path, bodySha256: bodyDigest(body), server: MANAGER_TICKET }
  const now = expiredSeconds === undefined ? Date.now() / 1000 : Number(text.split('.')[1]) + expiredSeconds
  return findTicketProblem(text.trim(), secret, asked, now)
}

test('prints a ticket for one request, good for ten minutes, and asks no manager', async () => {
  const { code, text, errors } = await holdfast(['get', '/files?shares=true'])
  expect([code, errors]).toEqual([0, ''])
  expect(text).toMatch(/^v1\.\d+\.[\w-]{43}\n$/)
  const request = { method: 'GET', path: '/files?shares=true' }
  expect(problemOf(text, request)).toBe(null)
  const leftSeconds = Number(text.split('.')[1]) - Date.now() / 1000
  expect(leftSeconds).toBeGreaterThan(540)
  expect(leftSeconds).toBeLessThan(602)
  expect(problemOf(text, request, 290)).toBe(null)
  expect(problemOf(text, request, 310)).toBe('expired')
  expect(problemOf(text, { ...request, method: 'POST' })).toBe('other')
})

test('prints a ticket for a file-server, which no manager and no other one takes', async () => {
  const id = '0123456789abcdef'
  const { text } = await holdfast(['GET', '/chunk/x', '--server', id])
  const asked = { method: 'GET', path: '/chunk/x', bodySha256: bodyDigest(''), server: id }
  expect(findTicketProblem(text.trim(), secret, asked, Date.now() / 1000)).toBe(null)
  for (const server of [MANAGER_TICKET, '0123456789abcdee'])
    expect(findTicketProblem(text.trim(), secret, { ...asked, server }, Date.now() / 1000)).toBe('other')
  const { code, errors } = await holdfast(['GET', '/chunk/x', '--server', 'name'])
  expect([code === 0, errors]).toEqual([false, expect.stringContaining('16 hex digits')])
})

test('takes the body from a file or from standard input', async () => {
  await writeFile(workplace.path('body.json'), '{"id":"x"}\n')
  const request = { method: 'POST', path: '/ping', body: '{"id":"x"}\n' }
  expect(problemOf((await holdfast(['POST', '/ping', '--body', 'body.json'])).text, request)).toBe(null)
  const piped = await holdfast(['POST', '/ping', '--body', '-'], secret, Buffer.from(request.body))
  expect(problemOf(piped.text, request)).toBe(null)
  expect(problemOf((await holdfast(['POST', '/ping'])).text, request)).toBe('other')
})

test.each([
  ['30s', 30],
  ['2h', 7200],
  ['24h', 86_400],
])('makes it good for %s', async (duration, seconds) => {
  const { text } = await holdfast(['GET', '/x', '--for', duration, '--json'])
  const { ticket, expiresAt } = JSON.parse(text)
  const leftSeconds = (Date.parse(expiresAt) - Date.now()) / 1000
  expect(leftSeconds).toBeGreaterThan(seconds - 20)
  expect(leftSeconds).toBeLessThan(seconds + 2)
  expect(ticket).toContain(`.${Date.parse(expiresAt) / 1000}.`)
})

test('finds the secret where npm start keeps it, or in the file it is told of', async () => {
  await mkdir(workplace.path('data'))
  await writeFile(workplace.path('data/cluster-secret'), `${secret}\n`)
  expect(problemOf((await holdfast(['GET', '/x'], '')).text, { method: 'GET', path: '/x' })).toBe(null)
  await writeFile(workplace.path('other'), 'another secret of a cluster')
  const other = await holdfast(['GET', '/x', '--secret-file', 'other'])
  expect(problemOf(other.text, { method: 'GET', path: '/x' })).toBe('other')
})

test.each<[string, string[], string, number, string]>([
  ['no secret', ['GET', '/x'], '', 2, 'CLUSTER_SECRET'],
  ['a secret that is too short', ['GET', '/x'], 'tooshort', 2, 'CLUSTER_SECRET: must have at least 16 characters'],
  ['a file that is not there', ['GET', '/x', '--secret-file', 'none'], '', 1, 'none: no such file'],
  ['a body that is not there', ['GET', '/x', '--body', 'none'], secret, 1, 'none: no such file'],
  ['a URL', ['GET', 'http://127.0.0.1:8000/x'], secret, 2, 'the path must begin with /'],
  ['a path that is not encoded', ['GET', '/a b'], secret, 2, 'percent-encoded'],
  ['a fragment', ['GET', '/a#b'], secret, 2, 'percent-encoded'],
  ['no method', ['/x', 'GET'], secret, 2, 'the method'],
  ['no path', ['GET'], secret, 2, 'path'],
  ['no duration', ['GET', '/x', '--for', '10'], secret, 2, 'must be such as 30s'],
  ['a duration of nothing', ['GET', '/x', '--for', '0m'], secret, 2, 'must be such as 30s'],
  ['a duration of more than a day', ['GET', '/x', '--for', '25h'], secret, 2, 'at most a day'],
])('says in a sentence that %s will not do, and never the secret', async (_, args, given, code, words) => {
  const outcome = await holdfast(args, given)
  expect([outcome.code, outcome.text]).toEqual([code, ''])
  expect(outcome.errors).toContain(words)
  if (given !== '') expect(outcome.errors).not.toContain(given)
})

test('is listed by the help', async () => {
  expect((await workplace.run(['--help'])).text).toMatch(/ticket \[options\] <method> <path> +print a ticket/)
  expect((await workplace.run(['ticket', '--help'])).text).toMatch(
    /--body <file>.*--for <duration>.*--secret-file <file>/s,
  )
})
