import { once } from 'node:events'
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import { expect, test, vi } from 'vitest'
import { countOf } from '../../../test/full-run.ts'
import { openIncomingFile, openRawFile } from '../../src/bodies/open-incoming-file.ts'
import { rawExchange } from '../http/raw-exchange.ts'
import { receive, startUploadServer } from './upload-server.ts'

/** All of it in memory would be more than the bound. */
const STREAMED_MIB = countOf(256, 128)
const maxFileBytes = 1024 ** 3
const json = { 'content-type': 'application/json' }

function post(url: string, headers: Record<string, string>): ClientRequest {
  const request = httpRequest(url, { method: 'POST', headers, agent: false })
  request.on('error', () => request.destroy())
  return request
}

async function answerOf(request: ClientRequest): Promise<unknown> {
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const pieces: Buffer[] = []
  for await (const piece of response) pieces.push(piece as Buffer)
  return JSON.parse(Buffer.concat(pieces).toString())
}

test(`streams ${STREAMED_MIB} MiB in constant memory, and never lets the client run far ahead of the consumer`, async () => {
  let consumedBytes = 0
  let furthestBytes = 0
  let mostMemory = 0
  let client: ClientRequest | undefined
  await using server = await startUploadServer(async (request) => {
    const file = await openIncomingFile(request, { maxFileBytes, patienceMs: 30_000 })
    for await (const piece of file.bytes.all(async () => undefined)) {
      consumedBytes += piece.length
      await nextTurn()
      const sentBytes = (client?.socket?.bytesWritten ?? 0) - (client?.socket?.writableLength ?? 0)
      furthestBytes = Math.max(furthestBytes, sentBytes - consumedBytes)
      mostMemory = Math.max(mostMemory, process.memoryUsage.rss())
    }
    return { name: await file.finish() }
  })
  const before = process.memoryUsage.rss()
  client = post(server.url, json)
  const answer = answerOf(client)
  client.write('{"file":"')
  const chunk = Buffer.alloc(1024 * 1024, 'A')
  for (let count = 0; count < STREAMED_MIB; count++) if (!client.write(chunk)) await once(client, 'drain')
  client.end('","filename":"a"}')
  expect(await answer).toEqual({ name: 'a' })
  expect(consumedBytes).toBe(STREAMED_MIB * 1024 * 1024)
  expect(furthestBytes).toBeLessThan(16 * 1024 * 1024)
  expect(mostMemory - before).toBeLessThan(96 * 1024 * 1024)
}, 60_000)

test('a small body that comes slowly is told as small, and no more of it is held than has been asked for', async () => {
  let client: ClientRequest | undefined
  await using server = await startUploadServer(async (request) => {
    const { bytes } = await openRawFile(request, { maxFileBytes, patienceMs: 30_000, name: 'a' as FileName })
    const told = { isSmall: bytes.isSmall, isComplete: bytes.isComplete, readBytes: bytes.readBytes }
    client?.end(Buffer.alloc(100_000))
    await bytes.readHead(200_000)
    return { ...told, size: bytes.measure() }
  })
  client = post(server.url, { 'content-length': '200000' })
  const answer = answerOf(client)
  client.write(Buffer.alloc(100_000))
  expect(await answer).toEqual({ isSmall: true, isComplete: false, readBytes: 0, size: 200_000 })
})

test('reads nothing before it is called: the client waits for 100 Continue and can be refused without it', async () => {
  await using server = await startUploadServer(async (request, _response, expectsContinue) => ({
    expectsContinue,
    readBytes: request.socket.bytesRead,
    isTouched: request.readableDidRead,
  }))
  const request = post(server.url, { ...json, expect: '100-continue', 'content-length': '1000000' })
  const onContinue = vi.fn()
  request.on('continue', onContinue)
  request.flushHeaders()
  const answer = (await answerOf(request)) as { expectsContinue: boolean; readBytes: number; isTouched: boolean }
  request.destroy()
  expect(answer).toMatchObject({ expectsContinue: true, isTouched: false })
  expect(answer.readBytes).toBeLessThan(1_000)
  expect(onContinue).not.toHaveBeenCalled()
})

test('says 100 Continue once it is called', async () => {
  await using server = await startUploadServer(receive({ maxFileBytes }))
  const request = post(server.url, { ...json, expect: '100-continue' })
  request.flushHeaders()
  const answer = answerOf(request)
  await once(request, 'continue')
  request.end('{"file":"QUJD","filename":"a"}')
  expect(await answer).toMatchObject({ name: 'a' })
})

test.each([
  ['before the first byte', ''],
  ['before the file', '{"filename":"a",'],
  ['within the file', '{"filename":"a","file":"QUJD'],
  ['after the file', '{"file":"QUJD","filename"'],
])('ends with CANCELLED when the client hangs up %s', async (_, sent) => {
  await using server = await startUploadServer(async (request, response) => {
    const reading = receive({ maxFileBytes })(request, response, false)
    client.destroySoon()
    return reading
  })
  const client = connect(server.port, '127.0.0.1')
  client.on('error', () => client.destroy())
  client.write(`POST /file HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n${sent}`)
  await vi.waitFor(() => expect(server.outcomes).toEqual(['CANCELLED']))
})

test.each(['already fired', 'that fires meanwhile'])('ends with CANCELLED at a signal %s', async (when) => {
  const controller = new AbortController()
  if (when === 'already fired') controller.abort(new Error('shutdown'))
  const add = vi.spyOn(controller.signal, 'addEventListener')
  const remove = vi.spyOn(controller.signal, 'removeEventListener')
  await using server = await startUploadServer(receive({ maxFileBytes, caller: controller }))
  const request = post(server.url, { ...json, expect: '100-continue' })
  request.flushHeaders()
  request.on('continue', () => {
    request.write('{"file":"QUJD')
    controller.abort(new Error('shutdown'))
  })
  expect(await answerOf(request)).toEqual({ error: 'CANCELLED' })
  expect(remove.mock.calls.length).toBe(add.mock.calls.length)
  request.destroy()
})

test.each([
  ['sends nothing', ''],
  ['stops within the file', '{"file":"QUJD'],
])('ends with REQUEST_TIMEOUT when the client %s for as long as the patience', async (_, sent) => {
  await using server = await startUploadServer(receive({ maxFileBytes, patienceMs: 50 }))
  const request = post(server.url, json)
  request.flushHeaders()
  if (sent !== '') request.write(sent)
  expect(await answerOf(request)).toEqual({ error: 'REQUEST_TIMEOUT' })
  request.destroy()
})

test('ends with REQUEST_TIMEOUT when bytes keep coming, but too few', async () => {
  await using server = await startUploadServer(receive({ maxFileBytes, patienceMs: 200 }))
  const request = post(server.url, json)
  request.write('{"file":"')
  const drip = setInterval(() => request.write('A'), 5)
  try {
    expect(await answerOf(request)).toEqual({ error: 'REQUEST_TIMEOUT' })
  } finally {
    clearInterval(drip)
    request.destroy()
  }
})

test('does not count the time that the consumer takes against the client', async () => {
  await using server = await startUploadServer(async (request) => {
    const file = await openIncomingFile(request, { maxFileBytes, patienceMs: 100 })
    for await (const piece of file.bytes.all(async () => undefined)) {
      const startedAt = performance.now()
      while (performance.now() - startedAt < 150) await nextTurn()
      expect(piece.length).toBeGreaterThan(0)
    }
    return file.finish()
  })
  const request = post(server.url, json)
  request.end(`{"file":"${'A'.repeat(200_000)}","filename":"a"}`)
  expect(await answerOf(request)).toBe('a')
})

test('leaves no listeners behind, and a consumer that stops early leaves a request that can be dropped', async () => {
  const counts = (request: IncomingMessage) => request.eventNames().map((event) => request.listenerCount(event))
  await using server = await startUploadServer(async (request) => {
    const before = counts(request)
    const file = await openIncomingFile(request, { maxFileBytes, patienceMs: 30_000 })
    for await (const piece of file.bytes.all(async () => undefined)) if (piece.length > 0) break
    await file.bytes.close()
    const after = counts(request)
    request.resume()
    await once(request, 'end')
    return { before, after, refusal: await file.finish().catch((error: Error) => error.name) }
  })
  const request = post(server.url, json)
  request.end(`{"file":"${'A'.repeat(5_000_000)}","filename":"a"}`)
  const { before, after, refusal } = (await answerOf(request)) as Record<string, unknown>
  expect(after).toEqual(before)
  expect(refusal).toBe('INTERNAL')
})

test('refuses a file over the limit while it is still coming', async () => {
  await using server = await startUploadServer(receive({ maxFileBytes: 1_000 }))
  const request = post(server.url, json)
  request.write(`{"file":"${'A'.repeat(2_000)}`)
  expect(await answerOf(request)).toEqual({ error: 'TOO_LARGE' })
  request.destroy()
})

test('a body that no header announces is not taken for an empty one', async () => {
  await using server = await startUploadServer((request) =>
    openIncomingFile(request, { maxFileBytes, patienceMs: 30_000 }).catch((error: StoreError) => error.detail),
  )
  const head = 'POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\r\n'
  expect(await rawExchange(server.port, head)).toContain('neither Content-Length nor Transfer-Encoding announces one')
})
