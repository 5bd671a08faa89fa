import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** Processes are started there, so that they find packages. */
export const root = fileURLToPath(new URL('../../..', import.meta.url))

export interface SwarmWish {
  readonly torrent: string
  /** It is empty but for the peer's `cfg.json`. */
  readonly directory: string
  /** The file has this path in the end. */
  readonly target: string
}

/** Such a program loads a torrent. */
export interface SwarmClient {
  readonly name: string
  readonly command: string
  readonly args: (wish: SwarmWish) => readonly string[]
  /** Is written to its standard input. */
  readonly input?: (wish: SwarmWish) => string
  /** Stands on its standard output when the file is whole. It shares the file then, until it is ended. */
  readonly saysAtEnd: string
}

/** This is webtorrent as it comes from its package, but for what looks for peers elsewhere, and uTP, which the seeds do not speak. */
const webtorrent = `
import WebTorrent from 'webtorrent'
const client = new WebTorrent({ dht: false, lsd: false, natUpnp: false, natPmp: false, utp: false })
client.add(process.argv[1], { path: process.argv[2] }, (torrent) => torrent.on('done', () => console.log('whole')))`

/** @returns the clients that are compared, the peer first. @param aria2Version that of `readAria2Version` */
export async function swarmClients(aria2Version: string): Promise<readonly SwarmClient[]> {
  const manifest = JSON.parse(await readFile(join(root, 'node_modules/webtorrent/package.json'), 'utf8'))
  return [
    {
      ...{ name: 'holdfast', command: process.execPath, saysAtEnd: 'SUCCESSFUL DOWNLOAD' },
      args: ({ directory }) => [join(root, 'client/bin/holdfast.mjs'), 'peer', join(directory, 'cfg.json')],
      input: ({ torrent, target }) => `download "${torrent}" "${target}"\n`,
    },
    {
      ...{ name: `webtorrent ${manifest.version}`, command: process.execPath, saysAtEnd: 'whole' },
      args: ({ torrent, directory }) => ['--input-type=module', '-e', webtorrent, '--', torrent, directory],
    },
    {
      // It calls echo with a number, how many files there are, and the path.
      ...{ name: `aria2c ${aria2Version}`, command: 'aria2c', saysAtEnd: ' 1 /' },
      args: ({ torrent, directory }) => [
        ...['--enable-dht=false', '--bt-enable-lpd=false', '--enable-peer-exchange=false', '--seed-ratio=0'],
        ...['--file-allocation=none', '--on-bt-download-complete=echo', '--quiet', `--dir=${directory}`, torrent],
      ],
    },
  ]
}

/** @returns null where there is none */
export async function readAria2Version(): Promise<string | null> {
  const said = await promisify(execFile)('aria2c', ['--version']).catch(() => null)
  return /aria2 version (\S+)/.exec(said?.stdout ?? '')?.[1] ?? null
}
