import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeBencode } from '@holdfast/shared/node/torrent/bencode'
import { readTorrent } from '@holdfast/shared/node/torrent/metainfo'
import type { PullMessage } from '@holdfast/shared/node/torrent/pull-messages'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { pullTorrent } from '../../src/pull/pull-torrent.ts'

const bytes = randomBytes(5_000)
const info = {
  name: 'x',
  'piece length': 8_192,
  pieces: createHash('sha1').update(bytes).digest(),
  files: [
    { path: ['a'], length: 4_000 },
    { path: ['b'], length: 1_000 },
  ],
}
let directory: string
let server: Server
let url: string
/** Answers nothing, or the bytes, or the torrent. */
let isSilent = false
beforeEach(async () => {
  isSilent = false
  directory = await mkdtemp(join(tmpdir(), 'holdfast-pull-'))
  server = createServer((request, response) => {
    if (isSilent) return
    if (request.url === '/torrent') response.end(encodeBencode({ info, 'url-list': url }))
    else response.end(request.url === '/x/a' ? bytes.subarray(0, 4_000) : bytes.subarray(4_000))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
})
afterEach(async () => {
  server.closeAllConnections()
  server.close()
  await rm(directory, { recursive: true })
})

async function pull(
  magnet: string | null,
  patienceMs = 10_000,
  infoHash = readTorrent(encodeBencode({ info })).infoHash,
) {
  const messages: PullMessage[] = []
  const owner = { tell: (message: PullMessage) => void messages.push(message), go: async () => undefined }
  const order = { directory, infoHash, magnet, allowsPrivate: true, patienceMs }
  await pullTorrent(order, owner, AbortSignal.timeout(15_000))
  return messages.map(({ kind }) => kind).filter((kind) => kind !== 'progress')
}

const magnetOf = (hash: string) => `magnet:?xt=urn:btih:${hash}&xs=${encodeURIComponent(`${url}torrent`)}`

test('a magnet link leads to the torrent, and that to its files, which are called by numbers', async () => {
  const { infoHash } = readTorrent(encodeBencode({ info }))
  expect(await pull(magnetOf(infoHash))).toEqual(['known', 'done'])
  expect((await readFile(join(directory, 'files', '0'))).equals(bytes.subarray(0, 4_000))).toBe(true)
  expect((await readFile(join(directory, 'files', '1'))).equals(bytes.subarray(4_000))).toBe(true)
})

test('where nothing comes it is given up, and says so', async () => {
  isSilent = true
  await writeFile(join(directory, 'torrent'), encodeBencode({ info, 'url-list': url }))
  await expect(pull(null, 300)).rejects.toThrow('nothing has come for 0 s')
  await expect(pull(magnetOf('ab'.repeat(20)), 300, 'ab'.repeat(20))).rejects.toThrow('nobody has told for 0 s')
})

test('a page in the place of the torrent is no reason to give up for good', async () => {
  const page = `magnet:?xt=urn:btih:${'ab'.repeat(20)}&xs=${encodeURIComponent(`${url}page`)}`
  await expect(pull(page, 10_000, 'ab'.repeat(20))).rejects.toMatchObject({
    name: 'PeerError',
    message: expect.stringContaining('does not answer with a torrent: it is no torrent'),
  })
})

test('another torrent than the one that was asked for is not loaded', async () => {
  await expect(pull(magnetOf('ab'.repeat(20)), 10_000, 'ab'.repeat(20))).rejects.toThrow('has another torrent')
})
