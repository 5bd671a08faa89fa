import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { FileSource } from '../src/file-source.ts'
import { StoreClient } from '../src/store-client.ts'
import { activeNodes, readAll, StandInManager, sendBytes, sendError, sha256Of } from './stand-in-manager.ts'

let manager: StandInManager
let client: StoreClient
let startedAt: number

beforeEach(async () => {
  manager = await StandInManager.start()
  startedAt = performance.now()
  client = new StoreClient({ baseUrl: manager.url, idleTimeoutMs: 1_000, retry: { baseMs: 1 } })
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
    const stored = client.put('a', slow())
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
    const child = execFile(process.execPath, ['--input-type=module', '--eval', script], { timeout: 15_000 })
    expect(child.stdout === null ? null : await text(child.stdout)).toBe('FILE_EXISTS\n')
    expect(child.exitCode ?? (await once(child, 'exit'))[0]).toBe(0)
  })

  test('refuses a name that no URL can carry, before it is sent', async () => {
    await expect(client.put('..', small)).rejects.toMatchObject({ name: 'INVALID_REQUEST' })
    expect(manager.requests).toEqual([])
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
    const download = await client.get('a')
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

describe('activeNodes', () => {
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
