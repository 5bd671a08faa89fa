import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Share, ShareDatabase } from '../../src/shares/share-database.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-shares-'))
})
afterEach(() => rm(directory, { recursive: true }))

const share = (path: string, digit = 'a'): Share => ({
  ...{ kind: 'torrent', path, size: 1, changedAt: 1.5, infoHash: digit.repeat(40), trackers: ['http://x/announce'] },
})
const torrents = async () => (await readdir(join(directory, 'torrents'))).sort()

test('what was saved is there again, with its torrent', async () => {
  const shares = await ShareDatabase.open(directory)
  await shares.put(share('/one'), Buffer.from('torrent'))
  await shares.save()
  const again = await ShareDatabase.open(directory)
  expect(again.all).toEqual([share('/one')])
  expect(String(await again.torrentOf('a'.repeat(40)))).toBe('torrent')
})

test('the torrent of what is shared no longer goes, unless it is shared elsewhere or again', async () => {
  const shares = await ShareDatabase.open(directory)
  await shares.put(share('/one'), Buffer.from('torrent'))
  await shares.put(share('/copy of one'), Buffer.from('torrent'))
  await shares.put(share('/two', 'b'), Buffer.from('torrent'))
  shares.delete(share('/one'))
  shares.delete(share('/two', 'b'))
  await shares.save()
  expect(await torrents()).toEqual([`${'a'.repeat(40)}.torrent`])
  shares.delete(share('/copy of one'))
  await shares.put(share('/one'), Buffer.from('torrent'))
  await shares.save()
  expect(await torrents()).toEqual([`${'a'.repeat(40)}.torrent`])
  shares.delete(share('/one'))
  await shares.save()
  expect(await torrents()).toEqual([])
})

test.each(['{', '{"format":2,"shares":[]}', '{"format":1,"shares":[{"kind":"song"}]}'])(
  'what it has not written, %s, is left alone',
  async (text) => {
    await writeFile(join(directory, 'shares.json'), text)
    await expect(ShareDatabase.open(directory)).rejects.toThrow(
      expect.objectContaining({ name: 'PeerError', message: expect.stringContaining('shares.json cannot be read') }),
    )
  },
)
