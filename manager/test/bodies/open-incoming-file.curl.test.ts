import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { receive, startUploadServer, type UploadServer } from './upload-server.ts'

const run = promisify(execFile)
const content = randomBytes(3_000_001)
const base64 = content.toString('base64')

let server: UploadServer
let directory: string

beforeAll(async () => {
  server = await startUploadServer(receive({ maxFileBytes: 10_000_000 }))
  directory = await mkdtemp(join(tmpdir(), 'holdfast-curl-'))
  const php = JSON.stringify({ filename: 'a', file: base64 }).replaceAll('/', '\\/')
  const files = {
    'own.bin': content,
    'own.b64': base64,
    'name-first.json': JSON.stringify({ filename: 'a', file: base64 }),
    'file-first.json': JSON.stringify({ file: base64, filename: 'a' }),
    'php.json': php,
  }
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(directory, name), bytes)
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

const curl = async (...args: string[]): Promise<Record<string, unknown>> => {
  const { stdout } = await run('curl', ['-sS', '-m', '15', ...args, server.url], {
    cwd: directory,
    maxBuffer: 64 * 1024 * 1024,
  })
  return JSON.parse(stdout) as Record<string, unknown>
}

test.each([
  ['-d of JSON', ['-d', '@name-first.json'], 'a', 'a', 'base64'],
  ['-d of JSON with the file first', ['-d', '@file-first.json'], 'a', null, 'base64'],
  ['--json', ['--json', '@file-first.json'], 'a', null, 'base64'],
  ['--data-binary with escaped slashes', ['--data-binary', '@php.json'], 'a', 'a', 'base64'],
  ['a chunked body', ['-H', 'transfer-encoding: chunked', '-d', '@name-first.json'], 'a', 'a', 'base64'],
  ['text/plain', ['-H', 'content-type: text/plain', '-d', '@name-first.json'], 'a', 'a', 'base64'],
  ['no content type', ['-H', 'content-type:', '-d', '@name-first.json'], 'a', 'a', 'base64'],
  ['form fields', ['-d', 'filename=a', '--data-urlencode', 'file@own.b64'], 'a', 'a', 'base64'],
  [
    'form fields without escapes',
    ['--data-urlencode', 'filename=ü /+', '-d', `file=${base64.slice(0, 4000)}`],
    'ü /+',
    'ü /+',
    'base64',
  ],
  ['a multipart file', ['-F', 'file=@own.bin'], 'own.bin', 'own.bin', 'binary'],
  ['a multipart file with a name', ['-F', 'file=@own.bin', '-F', 'filename=ü/b'], 'ü/b', 'own.bin', 'binary'],
  ['a multipart name, then the file', ['-F', 'filename=a', '-F', 'file=@own.bin'], 'a', 'a', 'binary'],
  ['a multipart file named by its part', ['-F', 'file=@own.bin;filename=ü/c'], 'ü/c', 'ü/c', 'binary'],
  ['multipart text', ['-F', 'filename=a', '-F', 'file=<own.b64'], 'a', 'a', 'base64'],
  ['multipart at once', ['-H', 'expect: 100-continue', '-F', 'file=@own.bin'], 'own.bin', 'own.bin', 'binary'],
  ['a quote and a backslash in a name', ['-F', 'file=@"own.bin";filename="a\\"b\\\\c"'], 'a"b\\c', 'a"b\\c', 'binary'],
  ['the same escaped', ['--form-escape', '-F', 'file=@own.bin;filename="a\\"b\\\\c"'], 'a"b\\c', 'a"b\\c', 'binary'],
])('takes what curl sends for %s', async (_, args, name, earlyName, encoding) => {
  const answer = await curl(...args)
  const sent = args.some((arg) => arg.startsWith('file=Q') || arg.length > 1_000) ? content.subarray(0, 3_000) : content
  expect(answer).toEqual({ name, earlyName, encoding, content: sent.toString('hex') })
})

test('tells curl to go on before it sends a large body, and not where the body is refused by its length', async () => {
  const trace = async (size: number) => {
    const body = join(directory, 'large.json')
    await writeFile(body, JSON.stringify({ filename: 'a', file: 'A'.repeat(size) }))
    const args = [
      '-sS',
      '-v',
      '-m',
      '15',
      '-o',
      '/dev/null',
      '-H',
      'content-type: application/json',
      '-H',
      'expect: 100-continue',
      '--expect100-timeout',
      '10',
    ]
    const { stderr } = await run('curl', [...args, '--data-binary', `@${body}`, server.url])
    return stderr
  }
  expect(await trace(4_000_000)).toContain('HTTP/1.1 100 Continue')
  expect(await trace(40_000_000)).not.toContain('HTTP/1.1 100 Continue')
})
