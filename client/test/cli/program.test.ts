import { randomBytes } from 'node:crypto'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { activeNodes, type StandInManager, sendBytes, sha256Of } from '../stand-in-manager.ts'
import { Workplace } from './run-holdfast.ts'

let workplace: Workplace
let manager: StandInManager
let directory: string

beforeEach(async () => {
  workplace = await Workplace.make()
  ;({ manager, directory } = workplace)
})
afterEach(() => workplace[Symbol.asyncDispose]())

const holdfast = (args: string[], input?: Uint8Array) => workplace.run(args, input)

test('stores a file and saves it again, byte for byte', async () => {
  const bytes = randomBytes(2_000_000)
  await writeFile(join(directory, 'song.wav'), bytes)
  const stored = await holdfast(['--json', 'put', 'song.wav', 'music/song.wav'])
  expect(stored.code).toBe(0)
  expect(JSON.parse(stored.text)).toMatchObject({ filename: 'music/song.wav', sha256: sha256Of(bytes) })
  await rm(join(directory, 'song.wav'))
  const saved = await holdfast(['get', 'music/song.wav'])
  expect(saved).toMatchObject({ code: 0, text: 'saved music/song.wav as song.wav (1.9 MiB)\n' })
  expect((await readFile(join(directory, 'song.wav'))).equals(bytes)).toBe(true)
})

test('stores standard input and prints a file to standard output', async () => {
  const bytes = randomBytes(300_000)
  expect((await holdfast(['put', '-', 'piped'], bytes)).code).toBe(0)
  const { stdout, code } = await holdfast(['get', 'piped', '-'])
  expect(code).toBe(0)
  expect(stdout.equals(bytes)).toBe(true)
})

test('asks for a name for standard input', async () => {
  const { code, errors } = await holdfast(['put', '-'])
  expect(code).toBe(2)
  expect(errors).toContain('give a name')
})

test('says in one sentence that a file does not exist', async () => {
  expect(await holdfast(['get', 'missing'])).toMatchObject({
    code: 3,
    errors: 'holdfast: missing: File does not exist (code 2)\n',
  })
})

test('says so as JSON where it is asked to', async () => {
  const { code, errors } = await holdfast(['get', 'missing', '--json'])
  expect(code).toBe(3)
  expect(JSON.parse(errors)).toEqual({
    filename: 'missing',
    code: 2,
    error: 'FILE_NOT_FOUND',
    message: 'File does not exist',
  })
})

test('does not store under a taken name, nor overwrite a local file without --force', async () => {
  manager.files.set('taken', Buffer.from('stored'))
  await writeFile(join(directory, 'taken'), 'local')
  expect((await holdfast(['put', 'taken'])).code).toBe(4)
  expect((await holdfast(['get', 'taken'])).code).toBe(4)
  expect(await readFile(join(directory, 'taken'), 'utf8')).toBe('local')
  expect((await holdfast(['get', 'taken', '--force'])).code).toBe(0)
  expect(await readFile(join(directory, 'taken'), 'utf8')).toBe('stored')
})

test('saves nothing where the bytes are not those of the digest', async () => {
  manager.nextAnswers.push((_, response) => sendBytes(response, Buffer.from('wrong'), 'a'.repeat(64)))
  const { code, errors } = await holdfast(['get', 'a'])
  expect(code).toBe(1)
  expect(errors).toContain('Bytes do not match their digest (code 7)')
  expect(await readdir(directory)).toEqual([])
})

test('never saves outside the directory it is run in because of a name', async () => {
  manager.files.set('a/..', Buffer.from('x'))
  expect(await holdfast(['get', 'a/..'])).toMatchObject({ code: 2, errors: expect.stringContaining('give a path') })
})

test('deletes what it can and reports what it cannot', async () => {
  manager.files.set('one', Buffer.from('1'))
  manager.files.set('three', Buffer.from('3'))
  expect(await holdfast(['rm', 'one', 'two', 'three'])).toMatchObject({
    code: 3,
    text: 'deleted one\ndeleted three\n',
    errors: 'holdfast: two: File does not exist (code 2)\n',
  })
  expect(manager.files.size).toBe(0)
})

test('lists the file-servers as a table or as JSON', async () => {
  const table = (await holdfast(['status'])).text.split('\n')
  expect(table[0]?.split(/ {2,}/)).toEqual(['ID', 'NAME', 'STATE', 'FILES', 'BYTES', 'FREE', 'LAST PING'])
  expect(table[1]).toMatch(/^0123456789abcdef +2 +active +7 +4\.0 KiB +3\.0 GiB /)
  const { id, files } = activeNodes[0] ?? {}
  expect(JSON.parse((await holdfast(['status', '--json'])).text)).toMatchObject([{ id, files }])
})

test('finds a manager behind a path of a proxy', async () => {
  manager.prefix = '/store'
  manager.files.set('a/b', Buffer.from('x'))
  for (const slash of ['', '/']) {
    const url = `${manager.url}/store${slash}`
    expect(await holdfast(['--manager', url, 'get', 'a/b', '-'])).toMatchObject({ code: 0, text: 'x' })
  }
})

test.each([
  ['https://user:pa55@host/store', 'no user name and no password'],
  ['https://host/?x=1', 'no query'],
  ['https://host#x', 'no fragment'],
  ['host:8000', 'a URL such as'],
])('refuses the address %s and repeats no password', async (url, words) => {
  const { code, errors } = await workplace.run(['status'], undefined, { env: { HOLDFAST_URL: url } })
  expect(code).toBe(2)
  expect(errors).toContain(words)
  expect(errors).not.toContain('pa55')
})

test('takes an empty HOLDFAST_URL for none', async () => {
  const { errors } = await workplace.run(['-V'], undefined, { env: { HOLDFAST_URL: '' } })
  expect(errors).toBe('')
  const status = await workplace.run(['status'], undefined, { env: { HOLDFAST_URL: ' ', HOLDFAST_PATIENCE: '' } })
  expect(status.errors).not.toContain('address')
})

test('tells its version', async () => {
  const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))
  expect(await holdfast(['--version'])).toMatchObject({ code: 0, text: `${version}\n` })
})

test('refuses what it does not understand', async () => {
  expect((await holdfast(['fetch', 'x'])).code).toBe(2)
  expect((await holdfast(['status', '--manager', 'nonsense'])).code).toBe(2)
})
