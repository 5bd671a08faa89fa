import type { Slot } from '@holdfast/shared/ids'
import { expect, test } from 'vitest'
import { newCopyId } from '../../../shared/test/new-copy-id.ts'
import { deleteCopy } from '../../src/storage/delete-copy.ts'
import { type Ack, leftOf, nothing, useSocketServer } from './scripted-file-server.ts'

const { connect } = useSocketServer()
const order = () => ({ copyId: newCopyId(), slot: 4 as Slot, requestId: 'test' })

test.each([true, false])('tells whether the copy was there: %s', async (existed) => {
  const { peer, link } = await connect()
  const commands: unknown[] = []
  peer.answer('delete-file', (command: unknown, ack: Ack) => {
    commands.push(command)
    ack({ ok: true, existed })
  })
  const copy = order()
  expect(await deleteCopy(link, copy)).toBe(existed)
  expect(await deleteCopy(link, { ...copy, slot: null })).toBe(existed)
  expect(commands).toEqual([copy, { ...copy, slot: null }])
})

test.each<[string, unknown, string]>([
  ['a refusal', { ok: false, error: { name: 'DISK_FAILED' } }, 'DISK_FAILED'],
  ['no word of the copy', { ok: true }, 'BAD_ANSWER'],
  ['a word that is none', { ok: true, existed: 'yes' }, 'BAD_ANSWER'],
  ['nothing', undefined, 'BAD_ANSWER'],
])('an ack with %s is not taken for a delete', async (_, result, name) => {
  const { peer, link } = await connect()
  peer.answer('delete-file', (_command: unknown, ack: Ack) => ack(result))
  await expect(deleteCopy(link, order())).rejects.toMatchObject({ name })
  expect(leftOf(link)).toEqual(nothing)
})

test('a file-server that goes away ends the wait at once', async () => {
  const { peer, link } = await connect()
  peer.answer('delete-file', () => void peer.socket.disconnect())
  await expect(deleteCopy(link, order())).rejects.toMatchObject({ name: 'LINK_LOST' })
  expect(leftOf(link)).toEqual(nothing)
})
