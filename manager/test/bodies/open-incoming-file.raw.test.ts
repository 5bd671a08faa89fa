import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { parseFileName } from '@holdfast/shared/file-name'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { countOf } from '../../../test/full-run.ts'
import { openRawFile } from '../../src/bodies/open-incoming-file.ts'
import { rawExchange } from '../http/raw-exchange.ts'
import { receiveRaw, startUploadServer, type UploadServer } from './upload-server.ts'

/** All of it in memory would be more than the bound. */
const STREAMED_MIB = countOf(256, 128)
const run = promisify(execFile)
const large = randomBytes(3_000_001)
const small = randomBytes(1_000)

let server: UploadServer
let directory: string

beforeAll(async () => {
  server = await startUploadServer(receiveRaw({ maxFileBytes: large.length }))
  directory = await mkdtemp(join(tmpdir(), 'holdfast-raw-'))
  const files = { large, small, empty: '', more: Buffer.concat([large, Buffer.alloc(1)]) }
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

test.each<[string, string[], Buffer]>([
  ['-T', ['-T', 'large'], large],
  ['-T of a small file', ['-T', 'small'], small],
  ['-T of an empty file', ['-T', 'empty'], Buffer.alloc(0)],
  ['-T in chunks', ['-T', 'large', '-H', 'transfer-encoding: chunked'], large],
  ['--data-binary under the type of a form', ['--data-binary', '@large'], large],
  ['any content type', ['--data-binary', '@small', '-H', 'content-type: multipart/form-data'], small],
  ['no content type', ['--data-binary', '@small', '-H', 'content-type:'], small],
  ['--data-binary when it waits for 100 Continue', ['--data-binary', '@large', '-H', 'expect: 100-continue'], large],
  [
    '-T that waits with a small body',
    ['-T', 'small', '-H', 'expect: 100-continue', '--expect100-timeout', '10'],
    small,
  ],
])('takes what curl sends for %s', async (_, args, content) => {
  expect(await curl(...args)).toEqual({
    name: 'raw',
    earlyName: 'raw',
    encoding: 'binary',
    content: content.toString('hex'),
  })
})

test.each([
  ['announced', []],
  ['not announced', ['-H', 'transfer-encoding: chunked', '-H', 'expect:']],
])('refuses one byte over the limit where the length is %s', async (_, args) => {
  expect(await curl('-T', 'more', ...args)).toEqual({ error: 'TOO_LARGE' })
})

test('lets a client send only what it did not announce as too large', async () => {
  const trace = async (file: string) => {
    const args = ['-sSv', '-m', '15', '-o', '/dev/null', '-H', 'expect: 100-continue', '--expect100-timeout', '10']
    return (await run('curl', [...args, '-T', file, server.url], { cwd: directory })).stderr
  }
  expect(await trace('large')).toContain('HTTP/1.1 100 Continue')
  expect(await trace('more')).not.toContain('HTTP/1.1 100 Continue')
})

test.each(['gzip', 'br, identity'])('refuses a body encoded by %s', async (encoding) => {
  expect(await curl('-T', 'small', '-H', `content-encoding: ${encoding}`)).toEqual({ error: 'UNSUPPORTED_MEDIA' })
})

test('takes chunks without a byte for an empty file, and a body that no header announces for none', async () => {
  const head = 'PUT / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n'
  expect(await rawExchange(server.port, `${head}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`)).toContain('"content":""')
  expect(await rawExchange(server.port, `${head}\r\n`)).toContain('INVALID_REQUEST')
})

test('ends with REQUEST_TIMEOUT when the client pauses for as long as the patience', async () => {
  await using impatient = await startUploadServer(receiveRaw({ maxFileBytes: 1e9, patienceMs: 50 }))
  const pausing = put(impatient.url, { 'content-length': '1000000' })
  pausing.write('a')
  expect(await answerOf(pausing)).toEqual({ error: 'REQUEST_TIMEOUT' })
  pausing.destroy()
})

test.each([
  ['a small body', '999'],
  ['a large body', '999999'],
])('ends with CANCELLED when the client hangs up within %s', async (_, length) => {
  await using receiver = await startUploadServer(async (request, response) => {
    const reading = receiveRaw({ maxFileBytes: 1e9 })(request, response, false)
    client.destroySoon()
    return reading
  })
  const client = connect(receiver.port, '127.0.0.1')
  client.on('error', () => client.destroy())
  client.write(`PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: ${length}\r\n\r\nABC`)
  await vi.waitFor(() => expect(receiver.outcomes).toEqual(['CANCELLED']))
})

test(`streams ${STREAMED_MIB} MiB in constant memory`, async () => {
  let mostMemory = 0
  const before = process.memoryUsage.rss()
  await using receiver = await startUploadServer(async (request) => {
    const options = { maxFileBytes: 1024 ** 3, patienceMs: 30_000, name: parseFileName('a') }
    const file = await openRawFile(request, options)
    let readBytes = 0
    for await (const piece of file.bytes.all(async () => undefined)) {
      readBytes += piece.length
      mostMemory = Math.max(mostMemory, process.memoryUsage.rss())
    }
    return { name: await file.finish(), readBytes }
  })
  const client = put(receiver.url, { 'content-length': String(STREAMED_MIB * 1024 ** 2) })
  const answer = answerOf(client)
  const piece = Buffer.alloc(1024 ** 2, 'A')
  for (let count = 0; count < STREAMED_MIB; count++) if (!client.write(piece)) await once(client, 'drain')
  client.end()
  expect(await answer).toEqual({ name: 'a', readBytes: STREAMED_MIB * 1024 ** 2 })
  expect(mostMemory - before).toBeLessThan(96 * 1024 ** 2)
}, 60_000)

function put(url: string, headers: Record<string, string>): ClientRequest {
  const request = httpRequest(url, { method: 'PUT', headers, agent: false })
  request.on('error', () => request.destroy())
  return request
}

async function answerOf(request: ClientRequest): Promise<unknown> {
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return json(response)
}
