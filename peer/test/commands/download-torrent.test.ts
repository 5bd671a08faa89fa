import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readTorrent } from '@holdfast/shared/node/torrent/metainfo'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { downloadTorrent } from '../../src/commands/download-torrent.ts'
import type { PeerDeps } from '../../src/commands/peer-deps.ts'
import type { Share } from '../../src/shares/share-database.ts'
import { hashFile } from '../../src/torrent/hash-file.ts'
import { makeTorrent } from '../../src/torrent/make-torrent.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-download-'))
})
afterEach(() => rm(directory, { recursive: true }))

/** Makes a torrent of a file there, with these trackers. */
async function torrentOf(trackers: string[]): Promise<Share> {
  const path = join(directory, 'film')
  await writeFile(path, 'bytes')
  const { size, changedAt, pieces } = await hashFile(path, () => 256, AbortSignal.timeout(5_000))
  const torrent = makeTorrent({ name: 'film', length: size, pieceLength: 256, pieces }, trackers)
  await writeFile(join(directory, 'film.torrent'), torrent)
  return { kind: 'torrent', path, size, changedAt, infoHash: readTorrent(torrent).infoHash, trackers }
}

/** Nobody is asked for anything. @returns what was printed */
async function download(path: string, shared: readonly Share[] = []): Promise<string[]> {
  const printed: string[] = []
  const ui = { print: (line: string) => printed.push(line), say: () => undefined, progress: () => undefined }
  const deps = {
    shares: { all: shared, save: async () => undefined },
    sharing: { add: async () => undefined },
  }
  const torrent = join(directory, 'film.torrent')
  await downloadTorrent(deps as unknown as PeerDeps, ui, torrent, path, AbortSignal.timeout(5_000))
  return printed
}

const nowhere = ['http://127.0.0.1:9/announce']

test('a torrent that leads nowhere is refused, and not waited for', async () => {
  await torrentOf(['wss://tracker.example'])
  await expect(download(join(directory, 'got'))).rejects.toThrow('names no tracker')
})

test('what is there already is hashed, and found whole or something else', async () => {
  const { path } = await torrentOf(nowhere)
  expect(await download(path)).toEqual(['SUCCESSFUL DOWNLOAD'])
  expect(await download(directory)).toEqual(['SUCCESSFUL DOWNLOAD'])
  await writeFile(path, 'other')
  await expect(download(path)).rejects.toThrow('is something else')
})

test('what this peer shares is not loaded a second time, for it does not load from itself', async () => {
  const share = await torrentOf(nowhere)
  await expect(download(join(directory, 'got'), [share])).rejects.toThrow(`it is here already, as ${share.path}`)
  expect(await download(share.path, [share])).toEqual(['SUCCESSFUL DOWNLOAD'])
})

test('a slash at the end says that a directory is meant', async () => {
  await torrentOf(nowhere)
  await expect(download(`${join(directory, 'got')}/`)).rejects.toThrow('is no directory')
  await mkdir(join(directory, 'got'))
  await writeFile(join(directory, 'got/film'), 'bytes')
  expect(await download(`${join(directory, 'got')}/`)).toEqual(['SUCCESSFUL DOWNLOAD'])
  expect((await stat(join(directory, 'got/film'))).size).toBe(5)
})
