import { expect, test, vi } from 'vitest'
import { StoreError } from '../../src/errors/store-error.ts'
import { answerCommands } from '../../src/wire/answer-commands.ts'
import type { Handlers } from '../../src/wire/commands.ts'
import { decodeGroup, encodeGroup } from '../../src/wire/group.ts'
import { Peer } from '../../src/wire/peer.ts'
import { table, useConnection } from './wire-fixture.ts'

const connection = useConnection()
type Argument = Parameters<Handlers<typeof table>['echo']>[0]

/** Connects a client that answers: it echoes with its bytes doubled, refuses, waits for ever, or ends when told. */
function answered({ slow = Promise.resolve(), admit = (_: string): void => undefined } = {}) {
  const { client, far } = connection
  const refused: string[] = []
  const sent = { commands: 0, acks: 0 }
  far.on('acks', () => void sent.acks++)
  client.on('commands', () => void sent.commands++)
  const echo = async ({ value, bytes }: Argument) =>
    bytes === undefined ? { value } : { value, bytes: Buffer.concat([bytes, bytes]) }
  const refuse = (): Promise<never> => Promise.reject(new StoreError('DISK_FULL', 'no room'))
  const wait = (): Promise<never> => new Promise(() => {})
  answerCommands(client, table, {
    handlers: {
      echo,
      refuse,
      wait,
      next: async () => ({}),
      'grouped-echo': echo,
      'grouped-refuse': refuse,
      'grouped-wait': wait,
      'grouped-slow': async (argument) => {
        await slow
        return echo(argument)
      },
    },
    admit,
    onRefused: (_command, error) => refused.push((error as StoreError).name),
  })
  return { peer: new Peer(far, table), refused, sent, far, client }
}

test('calls of one turn share a message, and each gets its own ack', async () => {
  const { peer, sent } = answered()
  const values = Array.from({ length: 50 }, (_, index) => index)
  const acks = await Promise.all(
    values.map((value) =>
      peer.call('grouped-echo', value % 2 === 0 ? { value, bytes: Buffer.from([value]) } : { value }),
    ),
  )
  expect(acks.map(({ value }) => value)).toEqual(values)
  expect(acks.map(({ bytes }) => bytes && [...bytes])).toEqual(
    values.map((value) => (value % 2 === 0 ? [value, value] : undefined)),
  )
  expect(sent.commands).toBe(1)
  expect(sent.acks).toBeLessThanOrEqual(2)
  expect(peer.waitingCount).toBe(0)
})

test('a command that does not travel in groups goes at once, and so does its ack', async () => {
  const { peer, sent } = answered()
  const values = [1, 2, 3]
  const acks = await Promise.all(values.map((value) => peer.call('echo', { value, bytes: Buffer.from([value]) })))
  expect(acks).toEqual(values.map((value) => ({ value, bytes: Buffer.from([value, value]) })))
  expect(sent).toEqual({ commands: 0, acks: 3 })
})

test('one that takes long keeps none of its group waiting', async () => {
  let finish = (): void => undefined
  const slow = new Promise<void>((resolve) => {
    finish = resolve
  })
  const { peer, sent } = answered({ slow })
  const order: string[] = []
  const late = peer.call('grouped-slow', { value: 1 }).then(() => order.push('slow'))
  await peer.call('grouped-echo', { value: 2 }).then(() => order.push('echo'))
  finish()
  await late
  expect([order, sent.commands]).toEqual([['echo', 'slow'], 1])
})

test.each(['', 'grouped-'] as const)('a refusal of a %scommand is its own call’s, in words', async (way) => {
  const { peer, refused } = answered()
  const [good, bad] = await Promise.allSettled([
    peer.call(`${way}echo`, { value: 1 }),
    peer.call(`${way}refuse`, { value: 1 }),
  ])
  expect(good.status).toBe('fulfilled')
  expect(bad).toMatchObject({ reason: { name: 'DISK_FULL', detail: 'no room' } })
  expect(refused).toEqual(['DISK_FULL'])
})

test('a command that is not admitted is refused before it is parsed', async () => {
  const admit = vi.fn((command: string): void => {
    if (command !== 'next') throw new StoreError('NOT_AUTHENTICATED')
  })
  const { peer } = answered({ admit })
  for (const command of ['echo', 'grouped-echo'] as const) {
    await expect(peer.call(command, { value: 1 })).rejects.toMatchObject({ name: 'NOT_AUTHENTICATED' })
    await expect(peer.call(command, { other: 1 } as never)).rejects.toMatchObject({ name: 'NOT_AUTHENTICATED' })
  }
  expect(await peer.call('next', { value: 1 })).toEqual({})
})

test('an argument that does not fit is refused, and what is wrong is said', async () => {
  const { peer } = answered()
  for (const command of ['echo', 'grouped-echo'] as const)
    for (const argument of [
      { value: 1, more: 2 },
      { value: 1, bytes: Buffer.alloc(2 ** 20) },
    ])
      await expect(peer.call(command, argument)).rejects.toMatchObject({
        name: 'INVALID_REQUEST',
        detail: expect.stringMatching(/more|bytes/),
      })
})

test('what does not fit into one message goes in several, none of them too long', async () => {
  const { peer, client } = answered()
  const lengths: number[] = []
  client.on('commands', (group: Uint8Array) => void lengths.push(group.length))
  const bytes = Buffer.alloc(100_000, 7)
  const acks = await Promise.all(Array.from({ length: 10 }, (_, value) => peer.call('grouped-echo', { value, bytes })))
  expect(acks.map((ack) => ack.bytes?.length)).toEqual(Array(10).fill(200_000))
  expect(lengths.length).toBeGreaterThanOrEqual(5)
  expect(Math.max(...lengths)).toBeLessThan(300_000)
})

test('when the connection goes every call that waits ends at once, and later ones are not queued', async () => {
  const { peer, sent, client } = answered()
  const waiting = [peer.call('grouped-wait', { value: 1 }), peer.call('wait', { value: 1 })]
  await vi.waitFor(() => expect(sent.commands).toBe(1))
  client.disconnect()
  for (const one of waiting) await expect(one).rejects.toMatchObject({ name: 'LINK_LOST' })
  await expect(peer.call('grouped-echo', { value: 1 })).rejects.toMatchObject({ name: 'LINK_LOST' })
  expect(peer.waitingCount).toBe(0)
})

test('commands that are no group are refused and end nothing else', async () => {
  const { peer, far, refused } = answered()
  for (const group of ['text', null, Buffer.from('no group'), { length: 5 }]) far.emit('commands', group)
  await vi.waitFor(() => expect(refused).toEqual(Array(4).fill('INVALID_REQUEST')))
  expect(await peer.call('grouped-echo', { value: 'alive' })).toEqual({ value: 'alive' })
})

test('a command without an id is nobody’s, and one that is none, or in the wrong place, is refused', async () => {
  const { far, refused } = answered()
  const heads: [unknown, unknown][] = [
    [null, 'grouped-echo'],
    ['1', 'grouped-echo'],
    [1, 'no-such-command'],
    [2, 'toString'],
    [3, '__proto__'],
    [4, { toString: 1 }],
    [5, null],
    [6, 'echo'],
    [7, 'grouped-echo'],
  ]
  const acked: unknown[] = []
  far.on('acks', (group: unknown) => {
    for (const { head } of decodeGroup(group)) acked.push((head as unknown[]).slice(0, 2))
  })
  far.emit('commands', encodeGroup(heads.map(([id, name]) => ({ head: [id, name, { value: 1 }], bytes: null }))))
  far.emit('echo', { value: 1 })
  far.emit('grouped-echo', 8, { value: 1 })
  far.emit('echo', 9, { value: 1 })
  const error = { name: 'INVALID_REQUEST', detail: 'no such command' }
  await vi.waitFor(() => expect(acked).toHaveLength(8))
  expect(acked.sort((a, b) => (a as [number])[0] - (b as [number])[0])).toEqual([
    ...[1, 2, 3, 4, 5, 6].map((id) => [id, error]),
    [7, null],
    [9, null],
  ])
  expect(refused).toHaveLength(6)
})
