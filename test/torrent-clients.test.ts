import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { request } from './cluster/http.ts'
import { put } from './cluster/shares.ts'
import { TestCluster } from './cluster/test-cluster.ts'
import { TestPeer } from './cluster/test-peer.ts'
import { waitUntil } from './cluster/wait-until.ts'
import { isInstalled } from './install/installed.ts'

/** Transmission connects to nobody at 127.0.0.1, so everybody is at an address of the network. */
const address = Object.values(networkInterfaces())
  .flat()
  .find((each) => each?.family === 'IPv4' && !each.internal)?.address
const root = fileURLToPath(new URL('..', import.meta.url))

/** webtorrent as it comes from its package, with its own web seeds and trackers. */
const webtorrent = `
import WebTorrent from 'webtorrent'
const client = new WebTorrent({ dht: false, lsd: false, natUpnp: false, natPmp: false })
client.add(process.argv[1], { path: process.argv[2] }, (torrent) => torrent.on('done', () => process.exit(0)))`

/** How each program is started to load a torrent into a directory. */
const clients: Readonly<Record<string, (torrent: string, directory: string) => ChildProcess>> = {
  aria2c: (torrent, directory) =>
    spawn('aria2c', [
      ...['--enable-dht=false', '--bt-enable-lpd=false', '--enable-peer-exchange=false', '--seed-time=0'],
      ...['--file-allocation=none', '--console-log-level=error', `--dir=${directory}`, torrent],
    ]),
  'transmission-cli': (torrent, directory) =>
    spawn('transmission-cli', ['-w', directory, '-g', join(directory, 'config'), '-M', '-et', torrent], {
      env: { ...process.env, TR_CURL_VERBOSE: '' },
    }),
  webtorrent: (torrent, directory) =>
    spawn(process.execPath, ['--input-type=module', '-e', webtorrent, '--', torrent, directory], { cwd: root }),
}
const there = [
  ...((await isInstalled('aria2c', ['--version'], /BitTorrent/)) ? ['aria2c'] : []),
  ...((await isInstalled('transmission-cli', ['--version'], /transmission-cli/)) ? ['transmission-cli'] : []),
  'webtorrent',
]

const bytes = randomBytes(6_000_000)
let cluster: TestCluster
beforeAll(async () => {
  cluster = await TestCluster.start({
    mongoUrl: inject('mongoUrl'),
    fileServers: 2,
    managerEnvironment: { HOST: address ?? '127.0.0.1', ALLOW_ANONYMOUS: 'true' },
  })
  expect((await put(cluster.url, 'film.bin', bytes)).status).toBe(201)
})
afterAll(() => cluster?.[Symbol.asyncDispose]())

async function load(name: string, torrent: string): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-client-'))
  const child = clients[name]?.(torrent, directory)
  if (child === undefined) throw new Error(`no ${name}`)
  const ended = once(child, 'exit')
  try {
    const isWhole = () => readFile(join(directory, 'film.bin')).then((loaded) => loaded.equals(bytes))
    await waitUntil(`${name} has the file`, isWhole, 40_000)
  } finally {
    child.kill('SIGKILL')
    await ended
    await rm(directory, { recursive: true, force: true })
  }
}

const storedTorrent = async (): Promise<Buffer> => (await request(`${cluster.url}/file/film.bin?torrent`)).body

if (address === undefined) console.error('NOT TESTED, for this machine has no address but its own: other BitTorrent clients')

describe.skipIf(address === undefined)('a stored file is downloaded by its torrent', () => {
  test.each(there)('by %s from the web seed alone', async (name) => {
    await using peer = await TestPeer.make(cluster.url)
    await writeFile(peer.path('film.torrent'), await storedTorrent())
    await load(name, peer.path('film.torrent'))
  })

  test.each(there)('by %s from a peer alone, and from both', async (name) => {
    await using peer = await TestPeer.make(cluster.url, '0.0.0.0')
    await writeFile(peer.path('film.bin'), bytes)
    const online = await peer.run()
    online.type('upload film.bin peers.torrent')
    await online.says('SUCCESSFUL UPLOAD')
    await load(name, peer.path('peers.torrent'))
    await writeFile(peer.path('mixed.torrent'), await storedTorrent())
    online.type('download mixed.torrent film.bin')
    await online.says('SUCCESSFUL DOWNLOAD')
    await load(name, peer.path('mixed.torrent'))
  })
})
