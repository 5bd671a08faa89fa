import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isFullRun } from '../full-run.ts'
import { isInstalled } from '../install/installed.ts'
import { waitUntil } from './wait-until.ts'

/** Transmission connects to nobody at 127.0.0.1, so everybody is at an address of the network. */
export const networkAddress = Object.values(networkInterfaces())
  .flat()
  .find((each) => each?.family === 'IPv4' && !each.internal)?.address
const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * webtorrent as it comes from its package, with its own web seeds and trackers. With a magnet link it speaks neither uTP, which
 * it would try for 40 s, nor encryption, which version 3 does not do without by itself.
 */
const webtorrent = `
import WebTorrent from 'webtorrent'
const plain = process.argv[1].startsWith('magnet:') ? { utp: false, secure: 0 } : {}
const client = new WebTorrent({ dht: false, lsd: false, natUpnp: false, natPmp: false, ...plain })
client.add(process.argv[1], { path: process.argv[2] }, (torrent) => torrent.on('done', () => process.exit(0)))`

/** libtorrent, which knows both versions of BitTorrent. */
const libtorrent = `
import libtorrent, sys, time
off = {'enable_' + name: False for name in ('dht', 'lsd', 'upnp', 'natpmp')}
# The tracker still tells of those that were killed at the same address.
both = {'allow_multiple_connections_per_ip': True}
session = libtorrent.session({'listen_interfaces': '0.0.0.0:0', **off, **both})
params = libtorrent.add_torrent_params()
if sys.argv[1].startswith('magnet:'): params = libtorrent.parse_magnet_uri(sys.argv[1])
else: params.ti = libtorrent.torrent_info(sys.argv[1])
params.save_path = sys.argv[2]
torrent = session.add_torrent(params)
while not torrent.status().is_seeding: time.sleep(0.1)`

/** How each program is started to load what a torrent or a magnet link is of into a directory. */
const clients: Readonly<Record<string, (torrent: string, directory: string) => ChildProcess>> = {
  aria2c: (torrent, directory) =>
    spawn('aria2c', [
      ...['--enable-dht=false', '--bt-enable-lpd=false', '--enable-peer-exchange=false', '--seed-time=0'],
      ...['--file-allocation=none', '--console-log-level=error', `--dir=${directory}`, torrent],
    ]),
  'transmission-cli': (torrent, directory) => {
    const config = join(directory, 'config')
    mkdirSync(config)
    // Version 3 goes on by TCP only where somebody else has sent it datagrams of uTP.
    writeFileSync(join(config, 'settings.json'), JSON.stringify({ 'utp-enabled': !torrent.startsWith('magnet:') }))
    return spawn('transmission-cli', ['-w', directory, '-g', config, '-M', '-et', torrent])
  },
  webtorrent: (torrent, directory) =>
    spawn(process.execPath, ['--input-type=module', '-e', webtorrent, '--', torrent, directory], { cwd: root }),
  libtorrent: (torrent, directory) => spawn('python3', ['-c', libtorrent, torrent, directory]),
}
const hasAria2 = await isInstalled('aria2c', ['--version'], /BitTorrent/)
/** In `npm test` one of them has to do. */
export const clientsThere = [
  ...(hasAria2 ? ['aria2c'] : []),
  ...(isFullRun && (await isInstalled('transmission-cli', ['--version'], /transmission-cli/))
    ? ['transmission-cli']
    : []),
  ...(isFullRun || !hasAria2 ? ['webtorrent'] : []),
  ...(isFullRun && (await isInstalled('python3', ['-c', 'import libtorrent as l; print(l.version)'], /^2\./))
    ? ['libtorrent']
    : []),
]

if (!isFullRun) console.info(`of the BitTorrent clients, npm test runs ${clientsThere.join()}; npm run test:faults all`)

/** Has a client load a file, which has to have these bytes then. @param torrent the path of a torrent, or a magnet link */
export async function loadBy(name: string, torrent: string, file: string, bytes: Buffer): Promise<void> {
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
