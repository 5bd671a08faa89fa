import { randomBytes } from 'node:crypto'
import { open as openFile, truncate } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import type { CopyId, PartKey, Slot } from '@holdfast/shared/ids'
import { PART_BYTES } from '@holdfast/shared/limits'
import { chunkTarget } from '@holdfast/shared/node/chunk-url'
import { expect, onTestFinished, test, vi } from 'vitest'
import { newCopyId } from '../../../shared/test/new-copy-id.ts'
import type { PartTags } from '../../src/http/verified-parts.ts'
import type { CopyReader, Store } from '../../src/store/store.ts'
import { filesUnder } from '../store/store-fixture.ts'
import { sha256Of, useChunkPort } from './chunk-port-fixture.ts'

const { open, path } = useChunkPort()
const bytes = randomBytes(2 * PART_BYTES + 100_000)
const direct = {
  contentType: 'text/plain; charset=utf-8',
  disposition: 'inline; filename="a.txt"',
  modifiedAt: 1_700_000_000,
  otherwise: 'http://127.0.0.1:9/download/x?direct=false',
}

/** Changes one byte of the only copy. */
async function damage(offset: number): Promise<void> {
  const [file = ''] = await filesUnder(path('tree'))
  const handle = await openFile(file, 'r+')
  await handle.write(Buffer.from([0x55 ^ (bytes[offset] ?? 0)]), 0, 1, offset)
  await handle.close()
}

/** @returns a file-server with one copy of three parts, whose tags a manager knows or not */
async function withLargeCopy(hasTags: boolean) {
  const known = new Map<CopyId, PartTags>()
  const server = await open({ tagsOf: async (copyId) => known.get(copyId) ?? null })
  const key = randomBytes(16).toString('hex') as PartKey
  await using writer = await server.store.createCopy(newCopyId(), bytes.length, key)
  await writer.write(bytes)
  const copy = await writer.commit(null)
  if (hasTags) known.set(copy.copyId, { key, tags: copy.partTags })
  return { ...server, copy }
}

test.each([true, false])('gives a copy of several parts, and ranges of it (tags are known: %s)', async (hasTags) => {
  const { ask, copy } = await withLargeCopy(hasTags)
  const whole = await ask(`/chunk/${copy.sha256}`)
  expect([whole.status, Buffer.from(await whole.arrayBuffer()).equals(bytes)]).toEqual([200, true])
  const range = await ask(chunkTarget(copy), { headers: { Range: `bytes=${PART_BYTES - 5}-${PART_BYTES + 4}` } })
  expect(range.status).toBe(206)
  expect(Buffer.from(await range.arrayBuffer()).equals(bytes.subarray(PART_BYTES - 5, PART_BYTES + 5))).toBe(true)
})

test('a damaged part is never sent, and the others are', async () => {
  const { ask, copy } = await withLargeCopy(true)
  await damage(PART_BYTES + 7)
  const target = chunkTarget(copy)
  expect((await ask(target, { headers: { Range: 'bytes=0-9' } })).status).toBe(206)
  const refused = await ask(target, { headers: { Range: `bytes=${PART_BYTES}-${PART_BYTES + 1}` } })
  expect([refused.status, await refused.json()]).toMatchObject([503, { code: 4, error: 'FILE_UNAVAILABLE' }])
  const whole = await ask(target)
  await expect(whole.arrayBuffer()).rejects.toThrow()
})

test('without tags nothing is sent of a copy that is damaged anywhere', async () => {
  const { ask, copy } = await withLargeCopy(false)
  await damage(PART_BYTES + 7)
  expect((await ask(chunkTarget(copy), { headers: { Range: 'bytes=0-9' } })).status).toBe(503)
})

test.each([
  ['small', 0],
  ['of several parts', 0],
  ['of several parts', 2 * PART_BYTES],
])('nothing is sent of a copy, once %s, that has %i bytes left', async (size, left) => {
  const { ask, post, copy, store } = await withLargeCopy(true)
  const small = randomBytes(100_000)
  if (size === 'small') {
    await store.deleteCopy(copy.copyId, copy.slot)
    await post(small)
  }
  const [file = ''] = await filesUnder(path('tree'))
  await truncate(file, left)
  const target = size === 'small' ? `/chunk/${sha256Of(small)}` : chunkTarget(copy)
  const refused = await ask(target)
  expect([refused.status, await refused.json()]).toMatchObject([503, { error: 'FILE_UNAVAILABLE' }])
})

test('a copy without tags is not read on when its client has gone', async () => {
  let [hasBegun, isGivenUp] = [false, false]
  const isOver = new AbortController()
  onTestFinished(() => isOver.abort())
  const endless: CopyReader = {
    sizeBytes: 1e15,
    read: async () => {
      hasBegun = true
      await setImmediate(undefined, { signal: isOver.signal })
    },
    [Symbol.asyncDispose]: async () => {
      isGivenUp = true
    },
  }
  const { ask } = await open({
    wrap: ({ serverId }) => ({ serverId, openCopy: async () => endless }) as unknown as Store,
  })
  const client = new AbortController()
  const target = chunkTarget({ sha256: sha256Of(bytes), copyId: newCopyId(), slot: 0 as Slot })
  const answer = ask(target, { signal: client.signal })
  await vi.waitFor(() => expect(hasBegun).toBe(true))
  client.abort()
  await expect(answer).rejects.toThrow()
  await vi.waitFor(() => expect(isGivenUp).toBe(true))
})

test('a copy is found by its name only where it is that very copy', async () => {
  const { ask, copy } = await withLargeCopy(true)
  expect((await ask(chunkTarget({ ...copy, copyId: newCopyId() }))).status).toBe(404)
  expect((await ask(chunkTarget({ ...copy, sha256: sha256Of(Buffer.from('x')) }))).status).toBe(404)
})

test('a link for a download says with which headers, and where else the bytes are', async () => {
  const { ask, copy, store } = await withLargeCopy(true)
  const target = chunkTarget(copy, direct)
  const got = await ask(target, { headers: { Range: 'bytes=0-9' } })
  expect(got.status).toBe(206)
  expect(Object.fromEntries(got.headers)).toMatchObject({
    'content-type': direct.contentType,
    'content-disposition': direct.disposition,
    'last-modified': new Date(direct.modifiedAt * 1000).toUTCString(),
    'content-security-policy': "sandbox; default-src 'none'",
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  })
  const forged = target.replace('inline', 'attachment')
  expect((await ask(forged, { ticket: { path: target } })).status).toBe(401)
  expect((await ask(target, { headers: { Range: `bytes=${bytes.length}-` } })).status).toBe(416)
  await damage(3)
  const damaged = await ask(target)
  expect([damaged.status, damaged.headers.get('location')]).toEqual([307, direct.otherwise])
  await store.deleteCopy(copy.copyId, copy.slot)
  const gone = await ask(target)
  expect([gone.status, gone.headers.get('location')]).toEqual([307, direct.otherwise])
})
