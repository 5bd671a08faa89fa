import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { isPosted } from '@holdfast/shared/ids'
import { PART_BYTES } from '@holdfast/shared/limits'
import { bodyDigest, issueTicket } from '@holdfast/shared/node/ticket'
import { afterEach, expect, test } from 'vitest'
import { ChunkPort } from '../../src/http/chunk-port.ts'
import { filesUnder, listAll, quietLog } from '../store/store-fixture.ts'
import { type Ask, inSeconds, SECRET, sha256Of, useChunkPort } from './chunk-port-fixture.ts'

const { open, path } = useChunkPort()
const small = Buffer.from('a small chunk')
const large = randomBytes(300_000)

const openSockets: ReturnType<typeof connect>[] = []
afterEach(() => {
  for (const socket of openSockets.splice(0)) socket.destroy()
})

test.each([
  ['small', small],
  ['large', large],
  ['empty', Buffer.alloc(0)],
])('stores a %s chunk as raw bytes, and gives it back by its digest', async (_, bytes) => {
  const { store, ask, post } = await open()
  const posted = await post(bytes)
  expect([posted.status, await posted.json()]).toEqual([201, { id: sha256Of(bytes) }])
  const got = await ask(`/chunk/${sha256Of(bytes)}`)
  expect(got.status).toBe(200)
  expect(Buffer.from(await got.arrayBuffer()).equals(bytes)).toBe(true)
  expect(got.headers.get('etag')).toBe(`"${sha256Of(bytes)}"`)
  expect((await listAll(store)).tree.map(({ copyId }) => isPosted(copyId))).toEqual([true])
})

test('stores a chunk that comes as JSON in base64', async () => {
  const { ask } = await open()
  const body = Buffer.from(JSON.stringify({ hash: sha256Of(large), chunk: large.toString('base64') }))
  const posted = await ask('/chunk', { method: 'POST', body })
  expect([posted.status, await posted.json()]).toEqual([201, { id: sha256Of(large) }])
  expect((await ask(`/chunk/${sha256Of(large)}`)).status).toBe(200)
})

test('gives the same chunk a file of its own with each ticket, and stores nothing again with the same one', async () => {
  const { store, port, post } = await open()
  await post(small, undefined, { ticket: { seconds: 50 } })
  await post(small, undefined, { ticket: { seconds: 40 } })
  const target = `/chunk?hash=${sha256Of(large)}`
  const request = { method: 'POST', path: target, bodySha256: bodyDigest(large), server: store.serverId }
  const headers = { Authorization: `Bearer ${issueTicket(SECRET, request, inSeconds(60))}` }
  const again = await Promise.all(
    [1, 2, 3].map(() => fetch(port.url + target, { method: 'POST', headers, body: large })),
  )
  again.push(await fetch(port.url + target, { method: 'POST', headers, body: large }))
  expect(again.map(({ status }) => status)).toEqual([201, 201, 201, 201])
  const copies = (await listAll(store)).tree
  expect(copies.map(({ sha256 }) => sha256).sort()).toEqual([large, small, small].map(sha256Of).sort())
  expect(new Set(copies.map(({ copyId }) => copyId.slice(0, 24))).size).toBe(3)
})

test('what failed is tried again with the same ticket', async () => {
  let isFull = true
  const { post } = await open({
    wrap: (store) => {
      const { storeCopy } = store
      store.storeCopy = async (...copy) => {
        if (isFull) throw new StoreError('DISK_FULL')
        return storeCopy.apply(store, copy)
      }
      return store
    },
  })
  const ticket = { seconds: 600 }
  expect((await post(small, undefined, { ticket })).status).toBe(507)
  isFull = false
  expect((await post(small, undefined, { ticket })).status).toBe(201)
})

test('answers HEAD and a range', async () => {
  const { ask, post } = await open()
  await post(large)
  const target = `/chunk/${sha256Of(large)}`
  const head = await ask(target, { method: 'HEAD' })
  expect([head.status, head.headers.get('content-length')]).toEqual([200, String(large.length)])
  const range = await ask(target, { headers: { Range: 'bytes=10-19' } })
  expect([range.status, range.headers.get('content-range')]).toEqual([206, `bytes 10-19/${large.length}`])
  expect(Buffer.from(await range.arrayBuffer())).toEqual(large.subarray(10, 20))
  const other = await ask(target, { headers: { Range: 'bytes=10-19', 'If-Range': '"another"' } })
  expect([other.status, (await other.arrayBuffer()).byteLength]).toEqual([200, large.length])
  const none = await ask(target, { headers: { Range: `bytes=${large.length}-` } })
  expect([none.status, none.headers.get('content-range')]).toEqual([416, `bytes */${large.length}`])
})

test.each([
  ['small', small],
  ['large', large],
])('keeps nothing of a %s chunk with another digest', async (_, bytes) => {
  const { post, ask } = await open()
  const other = Buffer.from('other')
  const raw = await post(bytes, sha256Of(other), { ticket: { body: other } })
  expect([raw.status, await raw.json()]).toMatchObject([422, { code: 7, error: 'DIGEST_MISMATCH' }])
  const json = { hash: sha256Of(other), chunk: bytes.toString('base64') }
  expect((await ask('/chunk', { method: 'POST', body: Buffer.from(JSON.stringify(json)) })).status).toBe(422)
  expect(await filesUnder(path('tree'))).toEqual([])
})

const wrongTickets: [string, Ask['ticket']][] = [
  ['expired', { seconds: -400 }],
  ['for another path', { path: `/chunk/${sha256Of(large)}` }],
  ['for another body', { body: Buffer.from('other') }],
  ['for another method', { method: 'PUT' }],
  ['for another file-server', { server: '0123456789abcdef' }],
  ['for a manager', { server: 'manager' }],
  ['of another secret', { secret: 'a secret of somebody else' }],
  ['missing', null],
]
test.each(wrongTickets)('a ticket that is %s lets nobody post or get', async (_, ticket) => {
  const { ask, post } = await open()
  const refused = await post(small, sha256Of(small), { ticket: ticket as NonNullable<typeof ticket> })
  expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
  expect(await refused.json()).toMatchObject({ code: 9, error: 'UNAUTHORIZED' })
  expect(await filesUnder(path('tree'))).toEqual([])
  await post(small)
  expect((await ask(`/chunk/${sha256Of(small)}`, { ticket: ticket as NonNullable<typeof ticket> })).status).toBe(401)
})

test('takes a ticket at the end of the query, as of a link', async () => {
  const { store, port, post } = await open()
  await post(small)
  const target = `/chunk/${sha256Of(small)}?x=1`
  const link = (path: string) => {
    const request = { method: 'GET', path, bodySha256: bodyDigest(''), server: store.serverId }
    return issueTicket(SECRET, request, inSeconds(60))
  }
  expect((await fetch(`${port.url}${target}&ticket=${link(target)}`)).status).toBe(200)
  expect((await fetch(`${port.url}${target}&y=2&ticket=${link(target)}`)).status).toBe(401)
  expect((await fetch(`${port.url}${target}&ticket=${link(target)}&y=2`)).status).toBe(401)
})

test('refuses what is too large, no JSON, without a digest, or elsewhere', async () => {
  const { ask, post } = await open()
  const huge = Buffer.alloc(PART_BYTES + 1)
  expect((await post(huge)).status).toBe(413)
  const json = Buffer.from(JSON.stringify({ hash: sha256Of(huge), chunk: huge.toString('base64') }))
  expect((await ask('/chunk', { method: 'POST', body: json })).status).toBe(413)
  expect((await post(Buffer.alloc(PART_BYTES))).status).toBe(201)
  expect((await ask('/chunk?hash=12', { method: 'POST', body: small })).status).toBe(400)
  expect((await ask('/chunk', { method: 'POST', body: small })).status).toBe(400)
  expect((await ask('/chunk', { method: 'POST', body: Buffer.from('{"hash":"12","chunk":""}') })).status).toBe(400)
  expect((await ask(`/chunk/${sha256Of(small)}`)).status).toBe(404)
  expect((await ask(`/chunk/${sha256Of(small)}`, { method: 'DELETE' })).status).toBe(405)
  expect((await ask('/file')).status).toBe(404)
})

test('a full disk is 507', async () => {
  const { post } = await open({ minFreeBytes: 1e15 })
  for (const bytes of [small, large]) {
    const refused = await post(bytes)
    expect([refused.status, await refused.json()]).toMatchObject([507, { code: 13 }])
  }
})

test('those who have not shown a ticket for their body hold up nobody who has', async () => {
  const { port, store, ask, post } = await open()
  const issued = issueTicket(
    SECRET,
    { method: 'POST', path: '/chunk', bodySha256: bodyDigest('never'), server: store.serverId },
    inSeconds(60),
  )
  for (let count = 0; count < 4; count++) {
    const socket = connect(Number(new URL(port.url).port), '127.0.0.1')
    openSockets.push(socket)
    await new Promise((resolve) =>
      socket.write(
        `POST /chunk HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${issued}\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n`,
        resolve,
      ),
    )
    // The request is being read once it is told to go on.
    await new Promise((resolve) => socket.once('data', resolve))
  }
  const unproven = await post(small, sha256Of(small), { ticket: { body: Buffer.from('never') } })
  const over = await ask('/chunk', { method: 'POST', body: small, ticket: { seconds: -400 } })
  // Neither takes the place of those whose ticket may be right.
  expect([unproven.status, over.status]).toEqual([401, 401])
  const refused = await ask('/chunk', { method: 'POST', body: small })
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '2'])
  expect((await post(small)).status).toBe(201)
})

test('a port that is taken is named in one sentence', async () => {
  const { port, store } = await open()
  const again = ChunkPort.open({
    ...{ host: '127.0.0.1', port: Number(new URL(port.url).port), url: null, secret: SECRET, store },
    ...{ tagsOf: async () => null, storePosted: async () => undefined, log: quietLog },
  })
  await expect(again).rejects.toThrow(/CHUNK_PORT=\d+ cannot be listened on .*in use/)
})
