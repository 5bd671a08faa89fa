import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openIncomingFiles } from '../../src/bodies/open-incoming-file.ts'
import { receiveAll, startUploadServer, type UploadServer } from './upload-server.ts'

const run = promisify(execFile)
const large = randomBytes(1_000_001)
const small = randomBytes(1_000)

let server: UploadServer
let directory: string

beforeAll(async () => {
  server = await startUploadServer(receiveAll({ maxFileBytes: large.length }))
  directory = await mkdtemp(join(tmpdir(), 'holdfast-form-'))
  const files = { large, small, empty: '', 'small.b64': small.toString('base64') }
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(directory, name), bytes)
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

const curl = async (...args: string[]): Promise<unknown> => {
  const { stdout } = await run('curl', ['-sS', '-m', '15', ...args, server.url], {
    cwd: directory,
    maxBuffer: 64 * 1024 * 1024,
  })
  return JSON.parse(stdout)
}

const whole = (name: string, bytes: Buffer, { earlyName = name as string | null, encoding = 'binary' } = {}) => ({
  name,
  earlyName,
  encoding,
  content: bytes.toString('hex'),
})

test.each<[string, string[], unknown[], Record<string, string>]>([
  ['one file', ['-F', 'file=@large'], [whole('large', large)], {}],
  [
    'several files',
    ['-F', 'file=@small', '-F', 'file=@large', '-F', 'x=@empty'],
    [whole('small', small), whole('large', large), whole('empty', Buffer.alloc(0))],
    {},
  ],
  [
    'a name after the file',
    ['-F', 'file=@small', '-F', 'filename=ü/b'],
    [whole('ü/b', small, { earlyName: 'small' })],
    {},
  ],
  ['a path', ['-F', 'file=@small;filename=C:\\dir\\own'], [whole('own', small)], {}],
  [
    'base64',
    ['-F', 'filename=n', '-F', 'file=<small.b64', '-F', 'x=@small'],
    [whole('n', small, { encoding: 'base64' }), whole('small', small)],
    {},
  ],
  ['options', ['-F', 'expires=7d', '-F', 'other=x', '-F', 'file=@small'], [whole('small', small)], { expires: '7d' }],
  ['a body of unknown length', ['-F', 'file=@small', '-H', 'transfer-encoding: chunked'], [whole('small', small)], {}],
  ['a body that waits', ['-F', 'file=@small', '-H', 'expect: 100-continue'], [whole('small', small)], {}],
])('takes what curl sends for %s', async (_, args, files, fields) => {
  expect(await curl(...args)).toEqual({ fields, files })
})

test.each([
  ['no file', ['-F', 'expires=7d'], 'INVALID_REQUEST'],
  ['an option after a file', ['-F', 'file=@large', '-F', 'expires=7d'], 'INVALID_REQUEST'],
  ['a second file that is too large', ['-F', 'file=@small', '-F', 'file=@large', '-F', 'file=@more'], 'TOO_LARGE'],
  ['a compressed body', ['-F', 'file=@small', '-H', 'content-encoding: gzip'], 'UNSUPPORTED_MEDIA'],
])('refuses %s', async (_, args, error) => {
  await writeFile(join(directory, 'more'), Buffer.alloc(large.length + 1))
  expect(await curl(...args)).toEqual({ error })
})

const begin = (name: string) => `--b\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\n\r\n`
const type = { 'content-type': 'multipart/form-data; boundary=b' }

test('gives a file while the next has not come yet, and each is streamed', async () => {
  const seen: string[] = []
  const piece = Buffer.alloc(1024 ** 2, 'A')
  let mostMemory = 0
  const before = process.memoryUsage.rss()
  await using receiver = await startUploadServer(async (request) => {
    const { files } = await openIncomingFiles(request, { maxFileBytes: 1024 ** 3, patienceMs: 30_000 })
    for await (const file of files) {
      let readBytes = 0
      for await (const bytes of file.bytes.all(async () => undefined)) {
        readBytes += bytes.length
        mostMemory = Math.max(mostMemory, process.memoryUsage.rss())
      }
      seen.push(`${await file.finish()} ${readBytes}`)
    }
    return seen
  })
  const request = httpRequest(receiver.url, { method: 'POST', headers: type, agent: false })
  const answer = once(request, 'response') as Promise<[IncomingMessage]>
  for (let file = 0; file < 4; file++) {
    request.write(begin(`file ${file}`))
    for (let count = 0; count < 40; count++) if (!request.write(piece)) await once(request, 'drain')
    request.write('\r\n')
    // What `finish` waits for is where the next file begins.
    if (file > 0) await expect.poll(() => seen.length).toBe(file)
  }
  request.end('--b--\r\n')
  const [response] = await answer
  expect(await json(response)).toEqual([0, 1, 2, 3].map((file) => `file ${file} ${40 * 1024 ** 2}`))
  expect(mostMemory - before).toBeLessThan(96 * 1024 ** 2)
}, 60_000)

test.each(['before the first file is read', 'within the first file', 'between two files'])(
  'a consumer that stops %s leaves a request that can be dropped, without listeners',
  async (when) => {
    const counts = (request: IncomingMessage) => request.eventNames().map((event) => request.listenerCount(event))
    await using receiver = await startUploadServer(async (request) => {
      const before = counts(request)
      const { files } = await openIncomingFiles(request, { maxFileBytes: 1e9, patienceMs: 30_000 })
      for await (const { bytes, finish: _ } of files) {
        if (when.startsWith('before')) break
        for await (const piece of bytes.all(async () => undefined))
          if (when.startsWith('within') && piece.length > 0) break
        await bytes.close()
        break
      }
      const after = counts(request)
      const rest = await files.next()
      request.resume()
      await once(request, 'end')
      return { isSame: String(before) === String(after), rest }
    })
    const body = `${begin('a')}${'A'.repeat(2_000_000)}\r\n${begin('b')}${'B'.repeat(2_000_000)}\r\n--b--\r\n`
    const response = await fetch(receiver.url, { method: 'POST', headers: type, body })
    expect(await response.json()).toEqual({ isSame: true, rest: { done: true } })
  },
)

test('refuses a form whose content type names no boundary', async () => {
  const headers = { 'content-type': 'multipart/form-data' }
  const response = await fetch(server.url, { method: 'POST', headers, body: `${begin('a')}A\r\n--b--\r\n` })
  expect(await response.json()).toEqual({ error: 'INVALID_REQUEST' })
})

test('a consumer that asks for the next file too early is told so', async () => {
  await using receiver = await startUploadServer(async (request) => {
    const { files } = await openIncomingFiles(request, { maxFileBytes: 1e9, patienceMs: 30_000 })
    await files.next()
    await files.next()
  })
  const response = await fetch(receiver.url, { method: 'POST', headers: type, body: `${begin('a')}A\r\n--b--\r\n` })
  expect(await response.json()).toEqual({ error: 'INTERNAL' })
})
