import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { INLINE_MAX_BYTES, MAX_MESSAGE_BYTES } from '@holdfast/shared/limits'
import { decodeGroup, encodeGroup } from '@holdfast/shared/wire/group'
import { HEARTBEAT_CHANGE_MS } from '@holdfast/shared/wire/protocol'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { newCopyId } from '../../../shared/test/new-copy-id.ts'
import { openingOf, uploadInline, uploadOf, useFileServer } from './link-fixture.ts'

const { link, linked, startManager, files } = useFileServer()

test('reconnects by itself, with a pause, after the manager has ended the connection', async () => {
  const manager = await startManager()
  const { log, links } = await link([manager.url])
  const dialledAt: number[] = []
  for (let count = 1; count <= 4; count++) {
    const on = await manager.connection(count, manager.admitted)
    dialledAt.push(performance.now())
    expect(on.hello.bootId).toBe(manager.admitted[0]?.hello.bootId)
    if (count < 4) on.socket.disconnect(true)
  }
  const pauses = dialledAt.slice(1).map((at, index) => at - (dialledAt[index] ?? 0))
  expect(Math.min(...pauses)).toBeGreaterThan(90)
  await vi.waitFor(() => expect(links.connectedCount).toBe(1))
  expect(log.find('manager disconnected')).toHaveLength(3)
})

test('dials on while the manager is away, says so once, and finds it when it is back on its port', async () => {
  const first = await startManager()
  const { log } = await link([first.url])
  await first.connection(1, first.admitted)
  const { port } = first
  await first[Symbol.asyncDispose]()
  await vi.waitFor(() => expect(log.find('dialling again').length).toBeGreaterThan(3), 10_000)
  const second = await startManager({ port })
  const on = await second.connection(1, second.admitted)
  expect((await uploadInline(on, Buffer.from('bytes'))).sizeBytes).toBe(5)
  expect(log.find('manager not reached')).toHaveLength(1)
})

test('dials on where no manager answers: a server that is none', async () => {
  const http = createServer((_request, response) => response.writeHead(404).end())
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = http.address() as AddressInfo
  const { log, links } = await link([`http://127.0.0.1:${port}`])
  await vi.waitFor(() => expect(log.find('dialling again').length).toBeGreaterThan(1), 10_000)
  expect(links.connectedCount).toBe(0)
  http.closeAllConnections()
  await new Promise((resolve) => http.close(resolve))
})

test('sends heartbeats that tell what it holds, from one timer, also after a reconnect', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  try {
    const { on, manager } = await linked()
    await uploadInline(on, Buffer.alloc(1_000))
    vi.advanceTimersByTime(HEARTBEAT_CHANGE_MS)
    await vi.waitFor(() => expect(manager.heartbeats).toHaveLength(1))
    expect(manager.heartbeats[0]).toMatchObject({ copyCount: 1, sizeBytes: 1_000, isWritable: true })
    const timerCount = vi.getTimerCount()
    on.socket.disconnect(true)
    await manager.connection(2, manager.admitted)
    expect(vi.getTimerCount()).toBe(timerCount)
    vi.advanceTimersByTime(HEARTBEAT_CHANGE_MS)
    await vi.waitFor(() => expect(manager.heartbeats.length).toBeGreaterThan(1))
  } finally {
    vi.useRealTimers()
  }
})

const copyId = newCopyId()
const named = { copyId, slot: 0, sha256: 'cd'.repeat(32) }
const streamId = 'ab'.repeat(8)
const span = { ...named, sizeBytes: null, offset: 0, length: 1 }
const hostile: [string, ...unknown[]][] = [
  ['upload-file'],
  ['upload-file', 'text'],
  ['upload-file', uploadOf(copyId), 'text'],
  ['upload-file', uploadOf(copyId), 5],
  ['upload-file', uploadOf(copyId), { type: 'Buffer', data: [1] }],
  ['upload-file', uploadOf(copyId), Buffer.alloc(MAX_MESSAGE_BYTES + 1)],
  ['upload-file', { ...uploadOf(copyId), copyId: '../../../etc/passwd' }, Buffer.alloc(1)],
  ['upload-file', { ...uploadOf(copyId), encoding: 'hex' }, Buffer.alloc(1)],
  ['open-upload', { ...openingOf(copyId), sizeBytes: -1 }],
  ['open-upload', { ...openingOf(copyId), sizeBytes: Number.MAX_SAFE_INTEGER }],
  ['open-upload', { ...openingOf(copyId), requestId: 'x'.repeat(1_000) }],
  ['open-upload', { ...openingOf(copyId), partKey: 'short' }],
  ['upload-file', { ...uploadOf(copyId), partKey: 'ab'.repeat(16) }, Buffer.alloc(1)],
  ['upload-file', uploadOf(copyId)],
  ['open-upload'],
  ['open-upload', uploadOf(copyId)],
  ['open-upload', openingOf(copyId), Buffer.alloc(1)],
  ['upload-frame', { copyId, seq: -1 }, Buffer.alloc(1)],
  ['upload-frame', { copyId, seq: 0.5 }, Buffer.alloc(1)],
  ['upload-frame', { copyId, seq: 0 }, null],
  ['upload-frame', { copyId, seq: 0 }, Buffer.alloc(1)],
  ['upload-end', { copyId, frameCount: 1e300 }],
  ['upload-end', { copyId, frameCount: 0 }],
  ['download-file', { ...span, streamId }],
  ['download-file', { ...span, offset: 1e15 }],
  ['download-file', { ...span, length: INLINE_MAX_BYTES + 1 }],
  ['download-file', { ...span, slot: 36 ** 6 }],
  ['download-file', span],
  ['open-download', { ...span, streamId: 'x', requestId: '' }],
  ['open-download', { ...span, offset: 1e15, streamId, requestId: '' }],
  ['open-download', { ...span, slot: 36 ** 6, streamId, requestId: '' }],
  ['open-download', { ...span, streamId, requestId: 1 }],
  ['open-download', { ...span, streamId, requestId: '' }],
  ['transfer-file', { ...named, streamId: 'ab'.repeat(8) }],
  ['transfer-file', { ...named, slot: '0', streamId: 'ab'.repeat(8) }],
  ['delete-file', { copyId, slot: 1.5, requestId: '' }],
  ['delete-file', { copyId, slot: null, requestId: '', path: '/etc' }],
  ['list-copies', { cursor: { where: 'elsewhere', slot: 0 }, limit: 1 }],
  ['list-copies', { cursor: { where: 'tree', slot: 0 }, limit: 1e9 }],
  ['list-copies', { cursor: { where: 'tree', slot: 0 }, limit: 0 }],
  ['suspect-copies', { copies: 'all' }],
  ['suspect-copies', { copies: Array.from({ length: 1_001 }, () => named) }],
  ['quarantine-file', named],
  ['quarantine-file', { ...named, sha256: 'short' }],
  ['restore-file', named],
  ['welcome', { managers: ['not a url'] }],
  ['welcome', { managers: ['ftp://127.0.0.1/'] }],
  ['welcome', { managers: ['file:///etc/passwd'] }],
  ['welcome', { managers: Array.from({ length: 301 }, (_, index) => `http://10.0.0.1:${index}`) }],
]

test('every hostile command gets an error ack, nothing is written, and the file-server serves on', async () => {
  const { on, links } = await linked()
  for (const [event, ...args] of hostile) {
    const { name } = await on.refusal(event, ...args)
    expect(name, JSON.stringify([event, ...args]).slice(0, 100)).not.toBe('INTERNAL')
  }
  expect(await files()).toEqual([])
  expect(links.connectedCount).toBe(1)
  expect((await uploadInline(on, Buffer.from('still here'))).sizeBytes).toBe(10)
})

test('commands without an id, and events that are none, are nobody’s command', async () => {
  const { on } = await linked()
  const anUpload = uploadOf(newCopyId())
  for (const id of [undefined, null, 'id', {}, [1]])
    on.socket.emit('commands', encodeGroup([{ head: [id, 'upload-file', anUpload], bytes: Buffer.from('bytes') }]))
  on.socket.emit('open-upload', openingOf(newCopyId()))
  on.socket.emit('open-upload', null, openingOf(newCopyId()))
  on.socket.emit('upload-file', 1, anUpload, Buffer.from('bytes'))
  on.socket.emit('delete-file')
  on.socket.emit('upload-file', ...Array.from({ length: 50 }, (_, index) => index))
  on.socket.emit('no-such-command', { copyId })
  on.socket.emit('toString')
  expect((await uploadInline(on, Buffer.from('still here'))).sizeBytes).toBe(10)
  expect(await files()).toHaveLength(1)
})

test('a command that does not travel in groups is refused in one', async () => {
  const { on } = await linked()
  const acked = new Promise((resolve) => on.socket.once('acks', resolve))
  const page = { cursor: { where: 'tree', slot: 0 }, limit: 1 }
  on.socket.emit('commands', encodeGroup([{ head: [7, 'list-copies', page], bytes: null }]))
  expect(decodeGroup(await acked)).toMatchObject([{ head: [7, { name: 'INVALID_REQUEST' }] }])
})

test('whatever arrives as a command, it is acknowledged, as an error or with a result', async () => {
  const { on } = await linked()
  const events = [...new Set(hostile.map(([event]) => event))]
  const argument = fc.oneof(fc.jsonValue(), fc.uint8Array({ maxLength: 100 }).map(Buffer.from), fc.constant(named))
  const property = fc.asyncProperty(
    fc.constantFrom(...events),
    fc.array(argument, { maxLength: 3 }),
    async (...got) => {
      const [event, args] = got
      const outcome = await on.call(event, ...args).catch((error: { name: string }) => error.name)
      expect(outcome).not.toBe('DEADLINE_EXCEEDED')
      expect(outcome).not.toBe('INTERNAL')
    },
  )
  await fc.assert(property, { numRuns: 300 })
  expect(await files()).toEqual([])
})
