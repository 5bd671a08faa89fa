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
import { isFullRun } from './full-run.ts'
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

/** libtorrent, which knows both versions of BitTorrent. */
const libtorrent = `
import libtorrent, sys, time
off = {'enable_' + name: False for name in ('dht', 'lsd', 'upnp', 'natpmp')}
# The tracker still tells of those that were killed at the same address.
both = {'allow_multiple_connections_per_ip': True}
session = libtorrent.session({'listen_interfaces': '0.0.0.0:0', **off, **both})
params = libtorrent.add_torrent_params()
params.ti, params.save_path = libtorrent.torrent_info(sys.argv[1]), sys.argv[2]
torrent = session.add_torrent(params)
while not torrent.status().is_seeding: time.sleep(0.1)`

/** How each program is started to load a torrent into a directory. */
const clients: Readonly<Record<string, (torrent: string, directory: string) => ChildProcess>> = {
  aria2c: (torrent, directory) =>
    spawn('aria2c', [
      ...['--enable-dht=false', '--bt-enable-lpd=false', '--enable-peer-exchange=false', '--seed-time=0'],
      ...['--file-allocation=none', '--console-log-level=error', `--dir=${directory}`, torrent],
    ]),
  'transmission-cli': (torrent, directory) =>
    spawn('transmission-cli', ['-w', directory, '-g', join(directory, 'config'), '-M', '-et', torrent]),
  webtorrent: (torrent, directory) =>
    spawn(process.execPath, ['--input-type=module', '-e', webtorrent, '--', torrent, directory], { cwd: root }),
  libtorrent: (torrent, directory) => spawn('python3', ['-c', libtorrent, torrent, directory]),
}
const hasAria2 = await isInstalled('aria2c', ['--version'], /BitTorrent/)
/** In `npm test` one of them has to do. */
const there = [
  ...(hasAria2 ? ['aria2c'] : []),
  ...(isFullRun && (await isInstalled('transmission-cli', ['--version'], /transmission-cli/))
    ? ['transmission-cli']
    : []),
  ...(isFullRun || !hasAria2 ? ['webtorrent'] : []),
  ...(isFullRun && (await isInstalled('python3', ['-c', 'import libtorrent as l; print(l.version)'], /^2\./))
    ? ['libtorrent']
    : []),
]

const bytes = randomBytes(6_000_000)
let cluster: TestCluster
beforeAll(async () => {
  cluster = await TestCluster.start({
    mongoUrl: inject('mongoUrl'),
    fileServers: 2,
    managerEnvironment: { HOST: address ?? '127.0.0.1', ALLOW_ANONYMOUS: 'true' },
  })
})
afterAll(() => cluster?.[Symbol.asyncDispose]())

/** @returns the torrent with no web seed in it, which stands last */
const withoutWebSeed = (torrent: Buffer) =>
  Buffer.concat([torrent.subarray(0, torrent.indexOf('8:url-list')), Buffer.from('e')])

async function load(name: string, torrent: string, file: string): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-client-'))
  const child = clients[name]?.(torrent, directory)
  if (child === undefined) throw new Error(`no ${name}`)
  const ended = once(child, 'exit')
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4_000)
    })
  try {
    const isWhole = () => readFile(join(directory, file)).then((loaded) => loaded.equals(bytes))
    await waitUntil(`${name} has the file`, isWhole, 40_000).catch((cause: unknown) => {
      throw new Error(`${name} says: ${said}`, { cause })
    })
  } finally {
    child.kill('SIGKILL')
    await ended
    await rm(directory, { recursive: true, force: true })
  }
}

if (address === undefined)
  console.error('NOT TESTED, for this machine has no address but its own: other BitTorrent clients')

// Each has a file of its own, or they would be peers of each other.
describe.skipIf(address === undefined)('a stored file is downloaded by its torrent', () => {
  test.concurrent.each(there)('by %s from the web seed alone, from a peer alone, and from both', async (name) => {
    const file = `film-for-${name}.bin`
    await using peer = await TestPeer.make(cluster.url, '0.0.0.0')
    expect((await put(cluster.url, file, bytes)).status).toBe(201)
    await writeFile(peer.path('stored.torrent'), (await request(`${cluster.url}/file/${file}?torrent`)).body)
    await load(name, peer.path('stored.torrent'), file)

    await writeFile(peer.path(file), bytes)
    const online = await peer.run()
    online.type(`upload ${file} peers.torrent`)
    await online.says('SUCCESSFUL UPLOAD')
    await load(name, peer.path('peers.torrent'), file)
    // The same pieces are the same swarm, to which the torrent of the store adds the web seed.
    await load(name, peer.path('stored.torrent'), file)
  })
})

describe.skipIf(address === undefined)('a stored file is downloaded by its hybrid torrent', () => {
  // Transmission 3 reads no hybrid at all, for one has a key of no characters, which aria2 1.36 leaves out when it computes
  // the info-hash, so that it finds nobody but the web seed (docs/decisions/0016-hybrid-torrents.md).
  test.concurrent.each(there.filter((name) => name !== 'transmission-cli'))(
    'by %s from the web seed alone, and by others than aria2 from a peer alone that has loaded it so',
    async (name) => {
      const file = `hybrid-for-${name}.bin`
      await using peer = await TestPeer.make(cluster.url, '0.0.0.0')
      expect((await put(cluster.url, file, bytes)).status).toBe(201)
      const hybrid = (await request(`${cluster.url}/file/${file}?torrent&version=hybrid`)).body
      await writeFile(peer.path('hybrid.torrent'), hybrid)
      await load(name, peer.path('hybrid.torrent'), file)

      const online = await peer.run()
      online.type('download hybrid.torrent loaded.bin')
      await online.says('SUCCESSFUL DOWNLOAD')
      expect((await readFile(peer.path('loaded.bin'))).equals(bytes)).toBe(true)
      if (name === 'aria2c') return
      await writeFile(peer.path('peers.torrent'), withoutWebSeed(hybrid))
      await load(name, peer.path('peers.torrent'), file)
    },
  )
})
