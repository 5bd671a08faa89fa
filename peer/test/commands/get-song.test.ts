import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { getSong } from '../../src/commands/get-song.ts'
import type { PeerDeps } from '../../src/commands/peer-deps.ts'
import { describeSong } from '../../src/commands/songs.ts'

const id = '00000000-0000-4000-8000-000000000000'
let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-get-'))
})
afterEach(() => rm(directory, { recursive: true }))

/** Gets a song of these bytes as `mine`, and can ask nobody for it. */
async function get(bytes: string) {
  const sample = join(directory, 'sample')
  await writeFile(sample, bytes)
  const signal = AbortSignal.timeout(10_000)
  const { checksum } = (await describeSong(sample, signal)).share
  const ui = { print: vi.fn(), say: vi.fn(), progress: vi.fn() }
  const add = vi.fn()
  const deps = {
    swarm: { udp: {} },
    tracker: { locate: async () => ({ ip: '127.0.0.1', port: 9, checksum, fileSize: bytes.length }) },
    shares: { songs: [], save: vi.fn() },
    sharing: { add },
    user: { publish: async (share: object) => ({ ...share, id }) },
    log: pino({ level: 'silent' }),
  }
  const path = join(directory, 'mine')
  return { path, ui, add, checksum, done: getSong(deps as unknown as PeerDeps, ui, id, path, signal) }
}

test('a song that an earlier run has loaded and not shared is shared, and not loaded again', async () => {
  await writeFile(join(directory, 'mine'), 'the song')
  const { path, ui, add, checksum, done } = await get('the song')
  await done
  expect(add).toHaveBeenCalledWith(expect.objectContaining({ kind: 'song', path, checksum }), expect.anything())
  expect(ui.print.mock.calls).toEqual([['SUCCESSFUL DOWNLOAD']])
})

test.each(['the sonG', 'a longer one'])('a file that has other bytes is not shared as the song: %s', async (bytes) => {
  await writeFile(join(directory, 'mine'), bytes)
  const { add, done } = await get('the song')
  await expect(done).rejects.toThrow('the song cannot be loaded')
  expect(add).not.toHaveBeenCalled()
})
