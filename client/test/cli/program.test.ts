import { randomBytes } from 'node:crypto'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { bodyDigest, findTicketProblem, MANAGER_TICKET, readBearer } from '@holdfast/shared/node/ticket'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  activeNodes,
  idOf,
  type StandInManager,
  sendBytes,
  sendError,
  sha256Of,
  trackerStats,
  upkeep,
} from '../stand-in-manager.ts'
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

test('what strangers wrote into a torrent steers no terminal', async () => {
  const answer = (body: object) => (_: IncomingMessage, response: ServerResponse) =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  const job = { id: 'pull-1', error: null }
  manager.nextAnswers.push(
    answer(job),
    answer({
      ...job,
      state: 'running',
      progress: { name: 'a\u001b[2Jb', trouble: 'the tracker says \u001b]0;mine\u0007' },
    }),
    answer({ ...job, state: 'failed', error: 'gone\u001b[31m' }),
  )
  const { code, errors } = await holdfast(['from-torrent', `magnet:?xt=urn:btih:${'ab'.repeat(20)}`])
  expect(code).toBe(1)
  expect(errors).toContain('a [2Jb')
  expect(errors).toContain('the tracker says  ]0;mine ')
  expect(errors).toContain('gone [31m')
  expect(errors).not.toContain('\u001b')
})

test('goes on waiting for a torrent where the manager is away for a while', async () => {
  const answer = (body: object) => (_: IncomingMessage, response: ServerResponse) =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  const job = { id: 'pull-1', error: null, progress: {} }
  manager.nextAnswers.push(
    answer(job),
    ({ socket }) => void socket.destroy(),
    (_, response) => sendError(response, 'DATABASE_UNAVAILABLE', { 'retry-after': '60' }),
    answer({ ...job, state: 'done', progress: { name: 'film', files: 1, totalBytes: 5 } }),
  )
  const { code, text, errors } = await holdfast(['from-torrent', `magnet:?xt=urn:btih:${'ab'.repeat(20)}`])
  expect([code, text]).toEqual([0, 'stored film: 1 files, 5 B\n'])
  expect(errors).toMatch(/no answer from .*; it is asked again\nDatabase unavailable .*; it is asked again\n/)
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
  const { text, code } = await holdfast(['status'])
  const table = text.split('\n')
  expect(table[0]?.split(/ {2,}/)).toEqual(['ID', 'NAME', 'ZONE', 'STATE', 'FILES', 'BYTES', 'FREE', 'LAST PING'])
  expect(table[1]).toMatch(/^0123456789abcdef +2 +rack-7 +active +7 +4\.0 KiB +3\.0 GiB /)
  // An older manager does not tell of its upkeep.
  expect([table.length, code]).toEqual([3, 0])
  const { id, files } = activeNodes[0] ?? {}
  const answer = JSON.parse((await holdfast(['status', '--json'])).text)
  expect(answer).toMatchObject({ fileServers: [{ id, files }], upkeep: null })
})

test('tells how many replicas chunks have, and how healing goes', async () => {
  manager.upkeep = upkeep
  const { text } = await holdfast(['status'])
  expect(text.split('\n').slice(3)).toEqual([
    expect.stringMatching(
      /^Chunks of class replicated: 1234; by replicas: 1200 with 2, 30 with 1, 4 with 0 \(counted /,
    ),
    'Healing: working, 12 chunks done, 34 to do, 50.0 MiB/s, 10 min left',
    expect.stringMatching(/^Lost: file-server 3 \(aaaaaaaaaaaaaaaa, zone rack-8\), since \d+ h ago$/),
    'Halted: 40 of 100 copies on file-server 2 (0123456789abcdef) are missing, so nothing of it is removed',
    '',
  ])
  expect(JSON.parse((await holdfast(['status', '--json'])).text)).toMatchObject({ upkeep })
})

test('tells in one line what the trackers do, to whom they tell it', async () => {
  manager.upkeep = upkeep
  const lineOf = async () => (await holdfast(['status'])).text.split('\n').find((line) => line.startsWith('Trackers'))
  expect(await lineOf()).toBeUndefined()
  manager.tracker = trackerStats
  expect(await lineOf()).toBe('Trackers: 5 peers, 1234 announces; 3 users online, 2 away, with 400 files')
  const [first] = trackerStats.managers
  const managers = [{ ...first, announces: { ...first?.announces, udp: 1, http: 0 } }]
  manager.tracker = { ...trackerStats, managers, ...{ peers: 1, tracks: 1, users: { active: 1, inactive: 0 } } }
  expect(await lineOf()).toBe('Trackers: 1 peer, 1 announce; 1 user online, 0 away, with 1 file')
  manager.tracker = trackerStats
  expect(JSON.parse((await holdfast(['status', '--json'])).text)).toMatchObject({
    tracker: { peers: 5, tracks: 400, users: { active: 3, inactive: 2 }, announces: 1_234 },
  })
  manager.ticketOf = () => 'a ticket'
  expect(await holdfast(['status'])).toMatchObject({ code: 0, errors: '' })
  expect(await lineOf()).toBeUndefined()
  manager.ticketOf = null
  manager.tracker = { ...trackerStats, ...{ peers: 0, tracks: 0, users: { active: 0, inactive: 0 }, managers: [] } }
  expect(await lineOf()).toBeUndefined()
})

test('shows the file-servers even where the manager cannot tell of its upkeep', async () => {
  manager.nextAnswers.push(
    (_, response) => void response.end(JSON.stringify(activeNodes)),
    (_, response) => sendError(response, 'INTERNAL'),
  )
  expect(await holdfast(['status'])).toMatchObject({
    code: 1,
    text: expect.stringContaining('0123456789abcdef'),
    errors: 'holdfast: Internal error (code 15)\n',
  })
})

describe('ls', () => {
  beforeEach(() => {
    for (const name of ['a/1', 'a/2', 'a/3', 'b']) manager.files.set(name, Buffer.from(name))
  })

  test('prints all names, or those that begin alike', async () => {
    expect(await holdfast(['ls'])).toMatchObject({ code: 0, text: 'a/1\na/2\na/3\nb\n', errors: '' })
    expect(await holdfast(['ls', 'a/'])).toMatchObject({ code: 0, text: 'a/1\na/2\na/3\n' })
    expect(await holdfast(['ls', 'c'])).toMatchObject({ code: 0, text: '', errors: '' })
  })

  test('prints what is known of each in columns, or as JSON', async () => {
    const [header, first] = (await holdfast(['ls', '-l', 'a/'])).text.split('\n')
    expect(header?.split(/ {2,}/)).toEqual(['ID', 'CLASS', 'SIZE', 'STORED', 'EXPIRES', 'NAME'])
    expect(first?.split(/ {2,}/)).toEqual([idOf('a/1'), 'replicated', '3 B', '2026-01-02T03:04:05Z', '-', 'a/1'])
    const lines = (await holdfast(['ls', '--json', 'a/'])).text.trim().split('\n')
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { name: 'a/1', url: `${manager.url}/file/a/1`, sizeBytes: 3 },
      { name: 'a/2' },
      { name: 'a/3' },
    ])
  })

  test('ends quietly when its reader has seen enough', async () => {
    manager.pageSize = 100
    for (let number = 0; number < 20_000; number += 1) manager.files.set(`many/${number}`, Buffer.alloc(0))
    const { text, errors } = await workplace.bash('set -o pipefail; hf ls | head -1; echo $?')
    expect([text, errors]).toEqual(['a/1\n141\n', ''])
    expect(manager.requests.length).toBeLessThan(150)
  })

  test('signs the request for each page of shares with the secret that it is told of', async () => {
    for (const name of ['x', 'y', 'z'])
      manager.shares.set(sha256Of(Buffer.from(name)).slice(0, 32), { name, bytes: Buffer.alloc(1) })
    const secret = 'the secret of this cluster'
    manager.ticketOf = () => 'none'
    const without = await workplace.run(['ls', '--shares'], undefined, { env: { CLUSTER_SECRET: '' } })
    expect(without).toMatchObject({ code: 1, text: '', errors: expect.stringContaining('(code 9)') })
    expect(without.errors).toContain('--secret-file')
    const signed: (string | null)[] = []
    manager.ticketOf = null
    manager.onList = (url, authorization) => {
      const request = { method: 'GET', path: url, bodySha256: bodyDigest(''), server: MANAGER_TICKET }
      signed.push(findTicketProblem(readBearer(authorization) ?? '', secret, request, Date.now() / 1000))
    }
    await writeFile(workplace.path('secret'), `${secret}\n`)
    for (const [args, CLUSTER_SECRET] of [
      [['--secret-file', 'secret'], ''],
      [[], secret],
    ] as const) {
      const { text, code } = await workplace.run(['ls', '--shares', ...args], undefined, { env: { CLUSTER_SECRET } })
      expect([code, text.split('\n').length]).toEqual([0, 4])
      expect(text).toMatch(new RegExp(`^${manager.url}/download/[0-9a-f]{32}  x\n`))
    }
    expect(signed).toEqual([null, null, null, null])
  })
})

describe('share', () => {
  const bytes = randomBytes(300_000)
  beforeEach(() => writeFile(join(directory, 'photo.jpg'), bytes))

  test('prints the link alone, by which the file is found and deleted', async () => {
    const { text, code } = await holdfast(['share', 'photo.jpg', '--expires', '7d'])
    expect(code).toBe(0)
    expect(text).toMatch(new RegExp(`^${manager.url}/download/[0-9a-f]{32}\n$`))
    const link = text.trim()
    const id = link.slice(-32)
    expect(manager.requests).toEqual([`POST /upload?name=photo.jpg&expires=7d&link=${id}`])
    await rm(join(directory, 'photo.jpg'))
    expect(await holdfast(['get', link])).toMatchObject({ code: 0, text: 'saved photo.jpg as photo.jpg (293.0 KiB)\n' })
    expect((await readFile(join(directory, 'photo.jpg'))).equals(bytes)).toBe(true)
    expect((await holdfast(['get', id, '-'])).stdout.equals(bytes)).toBe(true)
    expect(await holdfast(['rm', link])).toMatchObject({ code: 0, text: 'deleted photo.jpg\n' })
    expect(await holdfast(['get', link, '-'])).toMatchObject({ code: 3, errors: expect.stringContaining('(code 2)') })
  })

  test('follows a link to its own manager', async () => {
    const { text } = await holdfast(['share', 'photo.jpg', '--name', 'other.jpg'])
    const elsewhere = ['--manager', 'http://127.0.0.1:1']
    expect(await holdfast([...elsewhere, 'get', text.trim()])).toMatchObject({ code: 0 })
    expect(await readdir(directory)).toContain('other.jpg')
  })

  test('prints the torrent and the magnet link, and the link also where there is no torrent yet', async () => {
    const { text, code } = await holdfast(['share', '--torrent', 'photo.jpg'])
    const [link = '', torrent, magnet] = text.split('\n')
    expect([code, torrent]).toEqual([0, `${manager.url}/torrent/${link.slice(-32)}`])
    expect(magnet).toBe(`magnet:?xt=urn:btih:${sha256Of(bytes).slice(0, 40)}`)
    expect(manager.requests.at(-1)).toBe(`GET /torrent/${link.slice(-32)}?magnet`)
    manager.nextAnswers.push(
      (request, response) => manager.share(request, response, '/upload?name=photo.jpg'),
      (_, response) => sendError(response, 'FILE_UNAVAILABLE', { 'retry-after': '60' }),
    )
    const later = await holdfast(['share', '--torrent', 'photo.jpg'])
    expect(later).toMatchObject({ code: 5, errors: expect.stringContaining('(code 4)') })
    expect(later.text.split('\n')).toHaveLength(3)
  })

  test('waits for the torrent for as long as the manager says how far it is, and says how far it is', async () => {
    const hashing = (detail: string) => (_: unknown, response: ServerResponse) => {
      response.writeHead(503, { 'content-type': 'application/json', 'retry-after': '60' })
      response.end(JSON.stringify({ code: 4, error: 'FILE_UNAVAILABLE', message: 'File unavailable', detail }))
    }
    const share = (request: IncomingMessage, response: ServerResponse) =>
      manager.share(request, response, '/upload?name=photo.jpg')
    const answers = ['it waits', 'it waits', '10 % are done', '10 % are done', '80 % are done'].map(hashing)
    manager.nextAnswers.push(share, ...answers)
    const { code, text, errors } = await holdfast(['share', '--torrent', 'photo.jpg'])
    expect([code, text.split('\n')[2]]).toEqual([0, expect.stringMatching(/^magnet:/)])
    expect(errors.match(/photo.jpg: .*/g)?.slice(-3)).toEqual(
      ['it waits', '10 % are done', '80 % are done'].map((progress) => `photo.jpg: ${progress}`),
    )
  })

  test('tells programs more', async () => {
    const answer = JSON.parse((await holdfast(['--json', 'share', '-'], bytes)).text)
    expect(answer).toEqual({
      ...{
        link: `${manager.url}/download/${answer.id}`,
        filename: 'made.bin',
        id: expect.stringMatching(/^[0-9a-f]{32}$/),
      },
      ...{ sizeBytes: bytes.length, sha256: sha256Of(bytes), expiresAt: null },
    })
  })
})

describe('an id', () => {
  test('finds a file, for get and for rm', async () => {
    manager.files.set('dir/a', Buffer.from('x'))
    expect(await holdfast(['get', idOf('dir/a')])).toMatchObject({ code: 0, text: 'saved dir/a as a (1 B)\n' })
    const deleted = await holdfast(['--json', 'rm', idOf('dir/a')])
    expect(JSON.parse(deleted.text)).toEqual({ filename: 'dir/a', id: idOf('dir/a') })
    expect(manager.files.size).toBe(0)
  })

  test.each(['a'.repeat(24), 'b'.repeat(32)])('that no file has is taken for a name: %s', async (name) => {
    manager.files.set(name, Buffer.from('x'))
    expect(await holdfast(['get', name, '-'])).toMatchObject({ code: 0, text: 'x' })
    expect(await holdfast(['rm', name])).toMatchObject({ code: 0, text: `deleted ${name}\n` })
    expect(await holdfast(['rm', name])).toMatchObject({ code: 3 })
  })

  test('does not lead to a file that has it for its name', async () => {
    manager.files.set('mine', Buffer.from('mine'))
    manager.files.set(idOf('mine'), Buffer.from('a trap'))
    expect(await holdfast(['get', idOf('mine'), '-'])).toMatchObject({ code: 0, text: 'mine' })
  })
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
