import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { ServerResponse } from 'node:http'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { FileSource } from '../src/file-source.ts'
import { StoreClient } from '../src/store-client.ts'
import {
  activeNodes,
  idOf,
  readAll,
  StandInManager,
  sendBytes,
  sendError,
  sha256Of,
  upkeep,
} from './stand-in-manager.ts'

let manager: StandInManager
let client: StoreClient
/** Ends a request that is idle for a second, which a busy machine's may be. */
let hasty: StoreClient
let startedAt: number

beforeEach(async () => {
  manager = await StandInManager.start()
  startedAt = performance.now()
  client = new StoreClient({ baseUrl: manager.url, idleTimeoutMs: 15_000, retry: { baseMs: 1 } })
  hasty = new StoreClient({ baseUrl: manager.url, idleTimeoutMs: 1_000, retry: { baseMs: 1 } })
})
afterEach(() => manager[Symbol.asyncDispose]())

async function* iterate(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset += chunkBytes) yield bytes.subarray(offset, offset + chunkBytes)
}

const overloaded =
  (headers: Record<string, string> = {}) =>
  (_: unknown, response: Parameters<typeof sendError>[0]) =>
    sendError(response, 'OVERLOADED', headers)

describe('put', () => {
  const small = randomBytes(1000)
  const large = randomBytes(5_000_001)
  const sources: [string, Buffer, FileSource][] = [
    ['nothing', Buffer.alloc(0), new Uint8Array(0)],
    ['bytes', small, small],
    ['more bytes than go in one piece', large, large],
    ['a blob', large, new Blob([large])],
    ['an iterable', large, iterate(large, 65_537)],
    ['a function that opens one', large, () => iterate(large, 1_000_000)],
  ]
  test.each(sources)('stores %s byte for byte', async (_, bytes, source) => {
    const stored = await client.put('a/b ü.txt', source)
    expect(stored).toMatchObject({ filename: 'a/b ü.txt', sizeBytes: bytes.length, sha256: sha256Of(bytes) })
    expect(manager.files.get('a/b ü.txt')?.equals(bytes)).toBe(true)
  })

  test('tells how far it is', async () => {
    const seen: number[] = []
    await client.put('a', iterate(large, 2_000_000), { onProgress: (sentBytes) => seen.push(sentBytes) })
    expect(seen).toEqual([2_000_000, 4_000_000, 5_000_001])
  })

  test('throws the error that the manager names', async () => {
    manager.files.set('a', small)
    await expect(client.put('a', small)).rejects.toMatchObject({
      name: 'FILE_EXISTS',
      message: 'File name already exists',
    })
  })

  test('sends again what an overloaded manager refused', async () => {
    manager.nextAnswers.push(overloaded(), overloaded())
    await client.put('a', small)
    expect(manager.requests).toEqual(['POST /file', 'POST /file', 'POST /file'])
  })

  test('does not send an iterable again', async () => {
    manager.nextAnswers.push(overloaded())
    await expect(client.put('a', iterate(small, 10))).rejects.toMatchObject({ name: 'OVERLOADED' })
    expect(manager.requests).toHaveLength(1)
  })

  test.each<[string, unknown]>([
    ['text', 'hello'],
    ['an ArrayBuffer', new ArrayBuffer(5)],
    ['a list', [new Uint8Array(3)]],
    ['nothing', undefined],
    ['a function that opens nothing', () => undefined],
    ['a stream of text', Readable.from(['hello', 'world'])],
    ['a stream of wider numbers', Readable.from([new Uint16Array([1, 300])])],
  ])('refuses %s, which are no bytes', async (_, source) => {
    await expect(client.put('a', source as FileSource)).rejects.toMatchObject({ name: 'INVALID_REQUEST' })
    expect(manager.files.has('a')).toBe(false)
  })

  test.each([
    ['an iterable', iterate(small, 10)],
    ['a stream', Readable.from(iterate(small, 10), { objectMode: false })],
    [
      'a function that opens one stream',
      (() => {
        const opened = new Blob([small]).stream()
        return () => opened
      })(),
    ],
  ])('does not take %s that was read before for an empty file', async (_, source) => {
    manager.files.set('taken', small)
    await expect(client.put('taken', source)).rejects.toMatchObject({ name: 'FILE_EXISTS' })
    await expect(client.put('other', source)).rejects.toMatchObject({ name: 'INVALID_REQUEST' })
    expect(manager.files.has('other')).toBe(false)
  })

  test('gives up where the manager asks for a longer pause than the limit', async () => {
    manager.nextAnswers.push(overloaded({ 'retry-after': '60' }))
    await expect(client.put('a', small)).rejects.toMatchObject({ name: 'OVERLOADED' })
    expect(manager.requests).toHaveLength(1)
  })

  test('says that an earlier attempt may have stored the file', async () => {
    manager.files.set('a', small)
    manager.nextAnswers.push((_, response) => sendError(response, 'DATABASE_UNAVAILABLE'))
    await expect(client.put('a', small)).rejects.toMatchObject({
      name: 'FILE_EXISTS',
      detail: expect.stringContaining('earlier attempt'),
    })
  })

  test('throws what the source throws, as it is', async () => {
    const failure = new Error('the disk broke')
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield small
      throw failure
    }
    await expect(client.put('a', broken)).rejects.toBe(failure)
    expect(manager.files.size).toBe(0)
  })

  test('throws what the caller does while it opens the source or is told of progress, as it is', async () => {
    const fail = (): never => {
      throw new RangeError('a bug of the caller')
    }
    await expect(client.put('a', fail)).rejects.toThrow(RangeError)
    await expect(client.put('a', iterate(small, 10), { onProgress: fail })).rejects.toThrow(RangeError)
  })

  test('waits without a limit where it is told to, and takes no time that is none', async () => {
    const patient = new StoreClient({ baseUrl: manager.url, idleTimeoutMs: Infinity, sourcePatienceMs: Infinity })
    const source = new PassThrough()
    const stored = patient.put('a', source)
    setImmediate(() => source.end(small))
    await expect(stored).resolves.toMatchObject({ sizeBytes: 1000 })
    for (const idleTimeoutMs of [0, -1, Number.NaN])
      expect(() => new StoreClient({ baseUrl: manager.url, idleTimeoutMs })).toThrow('Invalid request')
  })

  test('opens no request before the source gives its first bytes', async () => {
    let give: (bytes: Uint8Array) => void = () => undefined
    const given = new Promise<Uint8Array>((resolve) => {
      give = resolve
    })
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield await given
    }
    const stored = hasty.put('a', slow())
    // The pause is longer than the request may be idle.
    await client.activeNodes()
    await vi.waitFor(() => expect(performance.now()).toBeGreaterThan(startedAt + 1_100), 5_000)
    expect(manager.requests).toEqual(['GET /active-nodes'])
    give(small)
    expect(await stored).toMatchObject({ sha256: sha256Of(small) })
  })

  const never = (): AsyncIterable<Uint8Array> => ({
    [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
  })
  async function* stalled(): AsyncGenerator<Uint8Array> {
    yield large
    yield* never()
  }

  test.each([
    ['gives nothing', never],
    ['stops', stalled],
  ])('gives up a source that %s for longer than it was told to bear with it', async (_, source) => {
    const impatient = new StoreClient({ baseUrl: manager.url, sourcePatienceMs: 50, retry: { maxAttempts: 1 } })
    await expect(impatient.put('a', source)).rejects.toMatchObject({
      name: 'REQUEST_TIMEOUT',
      detail: 'the source gave nothing for 0.05 s',
    })
    expect(manager.files.size).toBe(0)
  })

  test('is cancelled while it waits for its source', async () => {
    const controller = new AbortController()
    const stored = client.put('a', never(), { signal: controller.signal })
    controller.abort()
    await expect(stored).rejects.toMatchObject({ name: 'CANCELLED' })
  })

  test('closes its source after an answer that came early', async () => {
    manager.nextAnswers.push((_, response) => sendError(response, 'FILE_EXISTS'))
    let isClosed = false
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield large
      } finally {
        isClosed = true
      }
    }
    await expect(client.put('a', endless)).rejects.toMatchObject({ name: 'FILE_EXISTS' })
    await vi.waitFor(() => expect(isClosed).toBe(true))
  })

  test('leaves nothing that keeps a process after an answer that came early', async () => {
    manager.nextAnswers.push((_, response) => sendError(response, 'FILE_EXISTS'))
    const script = `
      import { StoreClient } from ${JSON.stringify(new URL('../dist/store-client.js', import.meta.url).href)}
      let goOn
      const isAnswered = new Promise((resolve) => { goOn = resolve })
      async function* goesOn() {
        yield Buffer.alloc(2_000_000)
        await isAnswered
        yield Buffer.alloc(2_000_000)
      }
      const client = new StoreClient({ baseUrl: '${manager.url}' })
      await client.put('a', goesOn()).catch((error) => console.log(error.name))
      goOn()
    `
    // Its request may be idle for a minute and its source for an hour, so only a timer that is left would keep the
    // process.
    const child = execFile(process.execPath, ['--input-type=module', '--eval', script], { timeout: 45_000 })
    expect(child.stdout === null ? null : await text(child.stdout)).toBe('FILE_EXISTS\n')
    expect(child.exitCode ?? (await once(child, 'exit'))[0]).toBe(0)
  })

  test('refuses a name that no URL can carry, before it is sent', async () => {
    await expect(client.put('..', small)).rejects.toMatchObject({ name: 'INVALID_REQUEST' })
    expect(manager.requests).toEqual([])
  })
})

/** Answers when the file is durable, which takes longer than a hasty client lets a request be idle. */
const slowlyStored: (typeof manager.nextAnswers)[number] = async (request, response) => {
  for await (const _ of request);
  setTimeout(() => response.writeHead(201).end(JSON.stringify({ filename: 'a', id: 'f' })), 2_000)
}

test.each<[string, FileSource]>([
  ['a stream', iterate(randomBytes(100_000), 10_000)],
  ['a whole body', randomBytes(1_000)],
])('the answer to %s may take longer than a request may be idle', async (_, source) => {
  manager.nextAnswers.push(slowlyStored)
  expect(await hasty.put('a', source)).toMatchObject({ filename: 'a' })
  expect(manager.requests).toHaveLength(1)
})

describe('in a browser', () => {
  const bytes = randomBytes(5_000_001)
  const replicated = { storageClass: 'replicated' } as const

  /** Firefox makes text of a stream, and Safari does not look at `duplex`. */
  class RequestOfText {
    readonly headers = new Headers({ 'content-type': 'text/plain;charset=UTF-8' })
  }

  beforeEach(() => {
    vi.stubGlobal('Request', RequestOfText)
    vi.stubGlobal('process', Object.create(process, { versions: { value: {} } }))
  })
  afterEach(() => void vi.unstubAllGlobals())

  test('a blob is sent as it is, in the face of a slow store', async () => {
    const fetched = vi.spyOn(globalThis, 'fetch')
    const blob = new Blob([bytes])
    const seen: number[] = []
    const stored = await client.put('a', blob, { ...replicated, onProgress: (sentBytes) => seen.push(sentBytes) })
    expect(fetched.mock.calls[0]?.[1]?.body).toBe(blob)
    expect([stored.sha256, seen]).toEqual([sha256Of(bytes), [bytes.length]])
    manager.nextAnswers.push(overloaded(), slowlyStored)
    expect(await hasty.put('b', blob, replicated)).toMatchObject({ filename: 'a' })
    fetched.mockRestore()
  })

  test.each<[string, FileSource]>([
    ['a stream', iterate(bytes, 1_000_000)],
    ['a blob in JSON', new Blob([bytes])],
  ])('%s is refused where it would be stored as text', async (_, source) => {
    const options = source instanceof Blob ? {} : replicated
    await expect(client.put('a', source, options)).rejects.toMatchObject({
      name: 'INVALID_REQUEST',
      detail: expect.stringContaining('cannot send a stream'),
    })
    expect(manager.requests).toEqual([])
  })
})

describe('put of class replicated', () => {
  const bytes = randomBytes(5_000_001)
  const replicated = { storageClass: 'replicated' } as const
  const path = 'PUT /file/a/b%20%C3%BC.txt?class=replicated'

  test.each<[string, Buffer, FileSource]>([
    ['nothing', Buffer.alloc(0), new Uint8Array(0)],
    ['bytes', bytes.subarray(0, 1000), bytes.subarray(0, 1000)],
    ['more bytes than go in one piece', bytes, bytes],
    ['a blob', bytes, new Blob([bytes])],
    ['an iterable', bytes, iterate(bytes, 65_537)],
  ])('sends %s as they are', async (_, expected, source) => {
    const stored = await client.put('a/b ü.txt', source, replicated)
    expect(stored).toMatchObject({ sizeBytes: expected.length, sha256: sha256Of(expected), isDegraded: false })
    expect(manager.files.get('a/b ü.txt')?.equals(expected)).toBe(true)
    expect(manager.requests).toEqual([path])
  })

  test('sends what a source gave even if it uses its buffer again', async () => {
    const buffer = Buffer.alloc(100_000)
    async function* reusing(): AsyncGenerator<Uint8Array> {
      for (let round = 0; round < 50; round += 1) yield buffer.fill(round)
    }
    const expected = Buffer.concat(Array.from({ length: 50 }, (_, round) => Buffer.alloc(100_000, round)))
    expect((await client.put('a', reusing(), replicated)).sha256).toBe(sha256Of(expected))
  })

  test('has the digest of a whole body checked', async () => {
    let sent: string | undefined
    manager.nextAnswers.push((request, response) => {
      sent = request.headers['content-digest'] as string
      sendError(response, 'DIGEST_MISMATCH')
    })
    await expect(client.put('a', Buffer.from('x'), replicated)).rejects.toMatchObject({ name: 'DIGEST_MISMATCH' })
    expect(sent).toBe(`sha-256=:${Buffer.from(sha256Of(Buffer.from('x')), 'hex').toString('base64')}:`)
  })

  test('never replaces a file unless it is told to', async () => {
    manager.files.set('a', bytes)
    const refused = client.put('a', Buffer.from('x'), replicated)
    await expect(refused).rejects.toMatchObject({ name: 'FILE_EXISTS', detail: undefined })
    await client.put('a', Buffer.from('x'), { replace: true })
    expect(manager.files.get('a')?.toString()).toBe('x')
    expect(manager.requests.at(-1)).toBe('PUT /file/a?class=single')
  })

  test('replaces the version that it is told of, and no other', async () => {
    manager.files.set('a', Buffer.from('1'))
    const ifMatch = `"${sha256Of(Buffer.from('1'))}"`
    await client.put('a', Buffer.from('2'), { ifMatch })
    await expect(client.put('a', Buffer.from('3'), { ifMatch })).rejects.toMatchObject({ name: 'PRECONDITION_FAILED' })
    expect(manager.files.get('a')?.toString()).toBe('2')
  })

  test('says that an earlier attempt may have stored the file', async () => {
    manager.files.set('a', bytes)
    manager.nextAnswers.push((_, response) => sendError(response, 'DATABASE_UNAVAILABLE'))
    await expect(client.put('a', bytes, replicated)).rejects.toMatchObject({
      name: 'FILE_EXISTS',
      detail: expect.stringContaining('earlier attempt'),
    })
  })

  test('tells when it ends', async () => {
    await client.put('a', Buffer.from('1'), { expires: '7d' })
    await client.put('b', Buffer.from('1'), { ...replicated, expires: new Date('2040-01-02T03:04:05Z') })
    expect(manager.requests).toEqual([
      'POST /file?expires=7d',
      'PUT /file/b?class=replicated&expires=2040-01-02T03%3A04%3A05.000Z',
    ])
    const never = client.put('c', Buffer.from('1'), { expires: new Date(Number.NaN) })
    await expect(never).rejects.toMatchObject({ name: 'INVALID_REQUEST' })
  })
})

describe('a share', () => {
  const bytes = randomBytes(100_000)

  test('is found by its link or its id', async () => {
    const share = await client.share(iterate(bytes, 1_000), { name: 'ä & b.txt', expires: '7d' })
    expect(share).toMatchObject({ name: 'ä & b.txt', sizeBytes: bytes.length, sha256: sha256Of(bytes) })
    expect(manager.requests).toEqual([`POST /upload?name=%C3%A4%20%26%20b.txt&expires=7d&link=${share.id}`])
    const link = client.urlOf(share)
    expect(link).toBe(`${manager.url}/download/${share.id}`)
    const elsewhere = new StoreClient({ baseUrl: 'http://127.0.0.1:1' })
    for (const download of [client.getShare(share.id), client.getShare(link), elsewhere.getShare(link)])
      expect((await readAll((await download).stream)).equals(bytes)).toBe(true)
  })

  test('is stored once, although the answer that it is stored was an error', async () => {
    manager.nextAnswers.push(async (request, response) => {
      await manager.share(request, new ServerResponse(request), request.url ?? '')
      sendError(response, 'DATABASE_UNAVAILABLE')
    })
    const share = await client.share(bytes, { name: 'once' })
    expect(share).toMatchObject({ name: 'once', sha256: sha256Of(bytes) })
    expect([...manager.shares.keys()]).toEqual([share.id])
    expect(share).not.toHaveProperty('chunks')
  })

  test('is asked for only by a link', async () => {
    for (const link of [
      'a',
      '/download/a',
      `${manager.url}/file/a`,
      'a'.repeat(24),
      `http://u:p@h/download/${'a'.repeat(32)}`,
    ])
      await expect(client.getShare(link)).rejects.toMatchObject({ name: 'INVALID_REQUEST' })
    await expect(client.getShare('a'.repeat(32))).rejects.toMatchObject({ name: 'FILE_NOT_FOUND' })
    expect(manager.requests).toHaveLength(1)
  })
})

describe('files', () => {
  test('are listed page after page', async () => {
    for (const name of ['a/1', 'a/2', 'a/3', 'a/4', 'a/5', 'b']) manager.files.set(name, Buffer.from(name))
    const names: string[] = []
    for await (const { name } of client.files({ prefix: 'a/', limit: 2 })) names.push(name)
    expect(names).toEqual(['a/1', 'a/2', 'a/3', 'a/4', 'a/5'])
    expect(manager.requests[1]).toBe('GET /files?prefix=a%2F&cursor=2&limit=2')
    expect(await client.list({ cursor: '4' })).toMatchObject({ files: [{ name: 'a/5' }, { name: 'b' }], next: null })
  })

  test('are described, changed and deleted by their ids', async () => {
    manager.files.set('a', Buffer.from('xyz'))
    const id = idOf('a')
    const file = await client.file(id)
    expect(file).toMatchObject({ id, name: 'a', sizeBytes: 3, storageClass: 'replicated', isDegraded: false })
    expect(file.chunks).toEqual([{ id: file.sha256, order: 0, sizeBytes: 3, locations: ['0123456789abcdef'] }])
    expect(await client.update(id, { name: 'b', expiresAt: null })).toMatchObject({ id, name: 'b' })
    expect(await client.deleteById(id)).toMatchObject({ id, name: 'a' })
    await expect(client.file(id)).rejects.toMatchObject({ name: 'FILE_NOT_FOUND' })
  })

  test.each(['..', '', 'a/b', '?shares=true', 'A'.repeat(24)])('have no id such as %j', async (id) => {
    await expect(client.deleteById(id)).rejects.toMatchObject({ name: 'INVALID_REQUEST' })
    expect(manager.requests).toEqual([])
  })

  test('that are shares are listed with a ticket for each page', async () => {
    for (const name of ['x', 'y', 'z']) await client.share(Buffer.from(name), { name })
    manager.ticketOf = (url) => `ticket.for.GET${url.length}`
    await expect(client.list({ shares: true })).rejects.toMatchObject({ name: 'UNAUTHORIZED' })
    const ticket = async (method: string, path: string) => `ticket.for.${method}${path.length}`
    const operator = new StoreClient({ baseUrl: manager.url, ticket })
    const names: string[] = []
    for await (const { name } of operator.files({ shares: true })) names.push(name)
    expect(names).toEqual(['x', 'y', 'z'])
  })
})

describe('get', () => {
  const bytes = randomBytes(3_000_000)

  test('gives the bytes, the type and the digest', async () => {
    manager.files.set('a/b', bytes)
    const download = await client.get('a/b')
    expect(download).toMatchObject({ sizeBytes: bytes.length, contentType: 'text/plain', sha256: sha256Of(bytes) })
    expect((await readAll(download.stream)).equals(bytes)).toBe(true)
    expect(manager.requests).toEqual(['GET /file/a/b'])
  })

  test('errors where the body breaks off', async () => {
    manager.nextAnswers.push((_, response) => {
      response.writeHead(200, { 'content-length': 100 })
      response.write('only this')
      setTimeout(() => response.destroy(), 50)
    })
    const download = await client.get('a')
    await expect(readAll(download.stream)).rejects.toMatchObject({
      name: 'FILE_UNAVAILABLE',
      detail: 'the download ended at 9 of 100 bytes',
    })
  })

  test('ends a download on which nothing moves', async () => {
    manager.nextAnswers.push((_, response) => {
      response.writeHead(200, { 'content-length': 100 })
      response.write('only this')
    })
    const download = await hasty.get('a')
    await expect(readAll(download.stream)).rejects.toMatchObject({
      name: 'SERVERS_UNAVAILABLE',
      detail: expect.stringContaining('nothing came for 1 s'),
    })
  })

  test('ends when its signal fires', async () => {
    manager.nextAnswers.push((_, response) => {
      response.writeHead(200, { 'content-length': 100 })
      response.write('only this')
    })
    const controller = new AbortController()
    const download = await client.get('a', { signal: controller.signal })
    controller.abort()
    await expect(readAll(download.stream)).rejects.toMatchObject({ name: 'CANCELLED' })
  })

  test('is tried again where the file is unavailable for a moment', async () => {
    manager.nextAnswers.push((_, response) => sendError(response, 'FILE_UNAVAILABLE', { 'retry-after': '0' }))
    manager.nextAnswers.push((_, response) => sendBytes(response, bytes))
    expect((await client.get('a')).sizeBytes).toBe(bytes.length)
  })
})

describe('delete', () => {
  test('frees the name', async () => {
    manager.files.set('ä?#%', Buffer.from('x'))
    expect(await client.delete('ä?#%')).toMatchObject({ filename: 'ä?#%' })
    await expect(client.delete('ä?#%')).rejects.toMatchObject({ name: 'FILE_NOT_FOUND' })
  })
})

describe('upkeep', () => {
  test('is told as it is', async () => {
    manager.upkeep = upkeep
    expect(await client.upkeep()).toEqual(upkeep)
  })

  test('is null before it ran', async () => {
    manager.upkeep = null
    expect(await client.upkeep()).toBeNull()
  })

  test('is not told by an older manager', async () => {
    await expect(client.upkeep()).rejects.toMatchObject({ name: 'ROUTE_NOT_FOUND' })
  })
})

describe('activeNodes', () => {
  test('are listed of a manager that knows neither zones nor chunk ports', async () => {
    const [{ zone, chunkUrl, ...node } = { zone: '', chunkUrl: '' }] = activeNodes
    manager.nextAnswers.push((_, response) => void response.end(JSON.stringify([node])))
    expect(await client.activeNodes()).toEqual([{ ...node, zone: null, chunkUrl: null }])
    expect([zone, chunkUrl]).not.toContain('')
  })

  test('lists the file-servers', async () => {
    expect(await client.activeNodes()).toEqual(activeNodes)
  })

  test('says so where something else than a manager answers', async () => {
    manager.nextAnswers.push((_, response) => void response.end('<html>hello</html>'))
    await expect(client.activeNodes()).rejects.toMatchObject({
      detail: expect.stringContaining('is it a Holdfast manager'),
    })
  })

  test('says so where nothing answers', async () => {
    const nobody = new StoreClient({ baseUrl: 'http://127.0.0.1:1' })
    await expect(nobody.activeNodes()).rejects.toMatchObject({
      name: 'SERVERS_UNAVAILABLE',
      detail: expect.stringContaining('http://127.0.0.1:1'),
    })
  })
})

test('a port that fetch refuses is named as such', async () => {
  const misplaced = new StoreClient({ baseUrl: 'http://127.0.0.1:10080' })
  await expect(misplaced.get('x')).rejects.toMatchObject({
    name: 'SERVERS_UNAVAILABLE',
    detail: expect.stringContaining('(fetch refuses this port, as browsers do: give the manager another one)'),
  })
})
