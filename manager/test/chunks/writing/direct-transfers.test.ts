import type { ServerId } from '@holdfast/shared/ids'
import { createLogger } from '@holdfast/shared/node/logger'
import { bodyDigest, findTicketProblem } from '@holdfast/shared/node/ticket'
import { expect, test } from 'vitest'
import type { FileServerLink } from '../../../src/chunks/links/file-server-link.ts'
import { DirectTransfers } from '../../../src/chunks/writing/direct-transfers.ts'
import {
  type Ack,
  aCopy,
  linkOf,
  newCopyId,
  type ScriptedFileServer,
  useSocketServer,
} from '../scripted-file-server.ts'

const { connect } = useSocketServer()
const SECRET = 'a secret of this test'
const never = new AbortController().signal

interface Order {
  readonly copyId: string
  readonly sha256: string
  readonly sizeBytes: number
  readonly url: string
  readonly ticket: string
}

/** Two file-servers, and what the target of a transfer is told. */
async function pair(answer: (order: Order, ack: Ack) => void, chunkUrl = 'http://10.1.1.1:9000') {
  const { peer, link: target, registry, dial } = await connect()
  const other: ScriptedFileServer = dial({ hello: { chunkUrl } })
  const source = await linkOf(registry, other)
  const orders: Order[] = []
  const discarded: string[] = []
  peer.answer('fetch-file', (order: Order, ack: Ack) => {
    orders.push(order)
    answer(order, ack)
  })
  peer.answer('delete-file', ({ copyId }: Order, ack: Ack) => {
    discarded.push(copyId)
    ack({ ok: true, existed: false })
  })
  let now = 0
  const direct = new DirectTransfers(SECRET, createLogger('test', 'silent'), () => now)
  const copy = (signal = never) =>
    direct.copy(source, target, { from: aCopy(), to: newCopyId(), sizeBytes: 5_000_000 }, signal)
  return { source, target, orders, discarded, copy, direct, pass: (ms: number) => (now += ms) }
}

const stored = ({ copyId, sha256, sizeBytes }: Order, ack: Ack) =>
  ack({ ok: true, copy: { copyId, sha256, sizeBytes, slot: 7 } })

test('the target is told where the copy is, with a ticket for that copy and no other', async () => {
  const { source, orders, copy } = await pair(stored)
  expect(await copy()).toMatchObject({ slot: 7, sizeBytes: 5_000_000 })
  const [{ url = '', ticket = '' } = {}] = orders
  expect(url.startsWith('http://10.1.1.1:9000/chunk/')).toBe(true)
  const path = url.slice('http://10.1.1.1:9000'.length)
  const problemWith = (fields: object) =>
    findTicketProblem(
      ticket,
      SECRET,
      { method: 'GET', path, bodySha256: bodyDigest(''), server: source.id, ...fields },
      Date.now() / 1000,
    )
  expect(problemWith({})).toBe(null)
  for (const fields of [{ path: path.replace(/slot=\d+/, 'slot=6') }, { server: 'x' }, { method: 'POST' }])
    expect(problemWith(fields)).toBe('other')
})

test('a way that does not lead there is tried again only later, and another failure at once', async () => {
  let error = 'LINK_LOST'
  const { orders, discarded, copy, pass } = await pair((_order, ack) => ack({ ok: false, error: { name: error } }))
  expect([await copy(), await copy()]).toEqual([null, null])
  expect(orders).toHaveLength(1)
  await expect.poll(() => discarded).toEqual([orders[0]?.copyId])
  pass(600_001)
  error = 'FILE_NOT_FOUND'
  expect([await copy(), await copy()]).toEqual([null, null])
  expect(orders).toHaveLength(3)
})

test('an ack that names another copy is no success', async () => {
  const { copy, discarded, orders } = await pair((order, ack) => stored({ ...order, sizeBytes: 4 }, ack))
  expect(await copy()).toBe(null)
  await expect.poll(() => discarded).toEqual([orders[0]?.copyId])
})

test('a transfer that is called off is not made up for', async () => {
  const stop = new AbortController()
  const { copy, discarded } = await pair(() => stop.abort())
  await expect(copy(stop.signal)).rejects.toThrow()
  await expect.poll(() => discarded.length).toBe(1)
})

test('a loopback address is used only by whoever comes from the same one', async () => {
  const { copy, orders, direct, source, target } = await pair(stored, 'http://127.0.0.1:9000')
  expect(await copy()).not.toBe(null)
  const elsewhere = Object.create(target, {
    address: { value: '10.0.0.2' },
    id: { value: '1'.repeat(16) as ServerId },
  }) as FileServerLink
  expect(await direct.copy(source, elsewhere, { from: aCopy(), to: newCopyId(), sizeBytes: 9 }, never)).toBe(null)
  expect(orders).toHaveLength(1)
})
