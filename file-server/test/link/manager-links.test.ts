import { encodeGroup } from '@holdfast/shared/wire/group'
import { expect, test, vi } from 'vitest'
import { newCopyId } from '../../../shared/test/new-copy-id.ts'
import { useFileServer } from './link-fixture.ts'

const { link, startManager } = useFileServer()

test('learns of further managers from the first, also again after nobody had named them', async () => {
  const second = await startManager({ managerId: '2222222222222222' })
  const first = await startManager({ managerId: '1111111111111111', managers: [second.url] })
  const { links } = await link([first.url])
  await second.connection(1, second.admitted)
  expect(links.connectedCount).toBe(2)

  await second[Symbol.asyncDispose]()
  await vi.waitFor(() => expect(links.connectedCount).toBe(1))
  await first.admitted[0]?.call('welcome', { managers: [first.url] })
  const again = await startManager({ managerId: '2222222222222222', port: second.port })
  await first.admitted[0]?.call('welcome', { managers: [first.url, again.url] })
  await again.connection(1, again.admitted)
  expect(again.dialled).toHaveLength(1)
})

test('a manager of the settings is dialled for ever, whatever the others say', async () => {
  const away = await startManager({ managerId: '2222222222222222' })
  const { port } = away
  await away[Symbol.asyncDispose]()
  const first = await startManager({ managerId: '1111111111111111' })
  const { links } = await link([first.url, away.url])
  await first.connection(1, first.admitted)
  await first.admitted[0]?.call('welcome', { managers: [first.url] })
  const back = await startManager({ managerId: '2222222222222222', port })
  await back.connection(1, back.admitted)
  await vi.waitFor(() => expect(links.connectedCount).toBe(2))
})

test('a manager with two addresses has one connection, and the other address is dialled when that one fails', async () => {
  const managerId = '1111111111111111'
  const one = await startManager({ managerId })
  const byName = one.url.replace('127.0.0.1', 'localhost')
  const { links, log } = await link([one.url])
  const on = await one.connection(1, one.admitted)
  await on.call('welcome', { managers: [byName] })
  await one.connection(2)
  await vi.waitFor(() => expect(one.refusals).toEqual(['FORBIDDEN']))
  // In this time the refused one would have dialled again.
  await vi.waitFor(() =>
    expect(log.lines.filter((line) => line.reason === 'connected by another address').length).toBeGreaterThan(1),
  )
  expect([one.dialled.length, on.socket.connected, links.connectedCount]).toEqual([2, true, 1])
  expect(log.find('manager refused')).toEqual([])

  on.socket.disconnect(true)
  await vi.waitFor(() => expect(one.admitted.length).toBeGreaterThan(1), 10_000)
  await vi.waitFor(() => expect(links.connectedCount).toBe(1))
})

test('dials no more managers than its bound, and says so once', async () => {
  const managers = Array.from({ length: 300 }, (_, index) => `http://127.0.0.1:${index + 1}`)
  const first = await startManager({ managers })
  const { log } = await link([first.url])
  await first.connection(1, first.admitted)
  const dialled = (): number => log.find('manager not reached').length
  await vi.waitFor(() => expect(dialled()).toBe(255), 10_000)
  expect(log.find('too many managers, one not dialled')).toHaveLength(1)
})

test('a manager that is silent holds up the tags of a copy for a moment, and is not asked first again', async () => {
  const silent = await startManager({ managerId: '1111111111111111' })
  const good = await startManager({ managerId: '2222222222222222' })
  const { links } = await link([silent.url, good.url])
  const [mute, on] = [await silent.connection(1, silent.admitted), await good.connection(1, good.admitted)]
  await vi.waitFor(() => expect(links.connectedCount).toBe(2))
  mute.socket.removeAllListeners('heartbeat')
  let muteCount = 0
  mute.socket.on('part-tags', () => muteCount++)
  const [partKey, tags] = ['5'.repeat(32), Buffer.alloc(32, 9)]
  on.socket.on('part-tags', (id: number) =>
    on.socket.emit('acks', encodeGroup([{ head: [id, null, { partKey }], bytes: tags }])),
  )
  const askedAt = performance.now()
  const found = await links.tagsOf(newCopyId())
  expect([found?.key, Buffer.from(found?.tags ?? [])]).toEqual([partKey, tags])
  expect(performance.now() - askedAt).toBeLessThan(9_000)
  const before = muteCount
  for (let count = 0; count < 5; count++) await links.tagsOf(newCopyId())
  expect(muteCount).toBe(before)
})
