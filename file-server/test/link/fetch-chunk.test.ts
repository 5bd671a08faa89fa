import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { chunkTarget, issueChunkTicket } from '@holdfast/shared/node/chunk-url'
import type { StoredCopy } from '@holdfast/shared/wire/shapes'
import { afterEach, expect, test, vi } from 'vitest'
import { newCopyId } from '../../../shared/test/new-copy-id.ts'
import { inSeconds, SECRET, sha256Of, useChunkPort } from '../http/chunk-port-fixture.ts'
import { named } from '../store/new-copies.ts'
import { uploadInline, useFileServer } from './link-fixture.ts'

const source = useChunkPort()
const { linked, files } = useFileServer()
const bytes = randomBytes(700_000)

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections()
})

/** Stands in for the other file-server. @returns its address */
async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  servers.push(server)
  await new Promise((resolve) => server.once('listening', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const orderOf = (url: string, fields: object = {}) => ({
  ...{ copyId: newCopyId(), sizeBytes: bytes.length, sha256: sha256Of(bytes), requestId: 'test' },
  ...{ url, ticket: 'v1.1.x', ...fields },
})

/** @returns an order for a copy that another file-server has */
async function realOrder(fields: object = {}) {
  const { store, port } = await source.open()
  const target = chunkTarget(await store.storeCopy(newCopyId(), bytes, null))
  const ticket = issueChunkTicket(SECRET, store.serverId, target, inSeconds(60))
  return orderOf(port.url + target, { ticket, ...fields })
}

test('invariant 5: a copy is fetched from the other file-server once, however often the order comes', async () => {
  const { on, store } = await linked()
  const order = await realOrder()
  const acks = await Promise.all([on.call('fetch-file', order), on.call('fetch-file', order)])
  acks.push(await on.call('fetch-file', order))
  const copies = acks.map(({ copy }) => copy as StoredCopy)
  for (const copy of copies) expect(copy).toEqual(copies[0])
  expect(copies[0]).toMatchObject({ copyId: order.copyId, sha256: order.sha256, sizeBytes: bytes.length })
  expect(store.status().copyCount).toBe(1)
  expect(await on.call('verify-file', { ...named(copies[0] as StoredCopy), sizeBytes: bytes.length })).toMatchObject({})
})

test.each<[string, object, string]>([
  ['another digest', { sha256: sha256Of(Buffer.from('other')) }, 'DIGEST_MISMATCH'],
  ['fewer bytes', { sizeBytes: bytes.length - 1 }, 'COPY_MISMATCH'],
  ['a ticket that is none', { ticket: 'v1.1.x' }, 'UNAUTHORIZED'],
])('nothing is kept of a copy that was ordered with %s', async (_, fields, error) => {
  const { on } = await linked()
  expect(await on.refusal('fetch-file', await realOrder(fields))).toMatchObject({ name: error })
  expect(await files()).toEqual([])
})

test.each<[string, RequestListener, string]>([
  [
    'breaks off',
    (_, response) =>
      void response
        .writeHead(200, { 'Content-Length': bytes.length })
        .write(bytes.subarray(0, 9), () => response.destroy()),
    'LINK_LOST',
  ],
  ['ends early', (_, response) => void response.end(bytes.subarray(0, 9)), 'DIGEST_MISMATCH'],
  ['sends more and more', (_, response) => void response.end(Buffer.concat([bytes, bytes])), 'COPY_MISMATCH'],
  ['is somebody else', (_, response) => void response.writeHead(404).end('<html>'), 'BAD_ANSWER'],
  [
    'leads elsewhere',
    (_, response) => void response.writeHead(307, { Location: 'http://127.0.0.1:1/' }).end(),
    'BAD_ANSWER',
  ],
])('nothing is kept of a copy where the other side %s', async (_, answer, error) => {
  const { on } = await linked()
  expect(await on.refusal('fetch-file', orderOf(await serve(answer)))).toMatchObject({ name: error })
  expect(await files()).toEqual([])
})

test('where nobody listens that is said at once', async () => {
  const { on } = await linked()
  const url = await serve(() => undefined)
  for (const server of servers.splice(0)) server.close()
  expect(await on.refusal('fetch-file', orderOf(url))).toMatchObject({ name: 'LINK_LOST' })
})

test('a delete ends a fetch that is under way, and nothing of it stays', async () => {
  const { on, uploads } = await linked()
  let isHungUp = false
  const url = await serve((request, response) => {
    request.socket.once('close', () => {
      isHungUp = true
    })
    response.writeHead(200, { 'Content-Length': bytes.length }).write(bytes.subarray(0, 100_000))
  })
  const order = orderOf(url)
  const refused = on.refusal('fetch-file', order)
  await vi.waitFor(async () => expect(await files()).toHaveLength(1), 5_000)
  await on.call('delete-file', { copyId: order.copyId, slot: null, requestId: 'test' })
  expect(await refused).toMatchObject({ name: 'COPY_DISCARDED' })
  await vi.waitFor(() => expect(isHungUp).toBe(true), 5_000)
  expect([await files(), uploads.runningCount]).toEqual([[], 0])
  expect(await on.refusal('fetch-file', order)).toMatchObject({ name: 'COPY_DISCARDED' })
})

test('a copy is verified by all of its bytes and by its size', async () => {
  const { on } = await linked()
  const copy = await uploadInline(on, bytes.subarray(0, 5_000))
  const whole = { ...named(copy), sizeBytes: 5_000 }
  expect(await on.call('verify-file', whole)).toMatchObject({})
  expect(await on.refusal('verify-file', { ...whole, sizeBytes: 4_999 })).toMatchObject({ name: 'COPY_MISMATCH' })
  expect(await on.refusal('verify-file', { ...whole, sizeBytes: 5_001 })).toMatchObject({ name: 'COPY_NOT_FOUND' })
  await writeFile((await files())[0] ?? '', randomBytes(5_000))
  expect(await on.refusal('verify-file', whole)).toMatchObject({ name: 'DIGEST_MISMATCH' })
  await on.call('delete-file', { copyId: copy.copyId, slot: copy.slot, requestId: 'test' })
  expect(await on.refusal('verify-file', whole)).toMatchObject({ name: 'COPY_NOT_FOUND' })
})
