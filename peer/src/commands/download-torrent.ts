import { stat } from 'node:fs/promises'
import { basename, join, resolve, sep } from 'node:path'
import { PeerError } from '../peer-error.ts'
import { hashingProgress, type Progress } from '../progress.ts'
import { sayOnce } from '../say-once.ts'
import type { Share } from '../shares/share-database.ts'
import { isUnchanged } from '../shares/sharing.ts'
import { download } from '../swarm/download.ts'
import { PieceFiles } from '../swarm/piece-files.ts'
import { findByTrackers } from '../swarm/trackers/trackers.ts'
import { statFile } from '../torrent/hash-file.ts'
import type { PeerDeps, Ui } from './peer-deps.ts'
import { type GivenTorrent, loadTorrent } from './torrent-path.ts'

/** Loads what a torrent describes, goes on where an earlier run ended, and shares it then. */
export async function downloadTorrent(
  deps: PeerDeps,
  ui: Ui,
  torrentPath: string,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const torrent = await loadTorrent(torrentPath)
  const { metainfo, hash } = torrent
  if (hash === null && metainfo.trackers.length + metainfo.webSeeds.length === 0)
    throw new PeerError(`${torrentPath} names no tracker that is asked over HTTP or UDP, and no web seed, to load from`)
  const target = await targetOf(torrent, path)
  const title = basename(target)
  if (!(await isThere(deps, torrent, target, (progress) => ui.progress(title, progress), signal))) {
    const onTrouble = sayOnce((sentence) => ui.say(sentence))
    const { received, resumedBytes } = await download(
      deps,
      {
        ...{ metainfo, target, isUdpOnly: false },
        findPeers: ({ onPeers, state }) =>
          hash === null
            ? findByTrackers(deps, metainfo.trackers, { infoHash: metainfo.infoHash, onPeers, onTrouble, state })
            : [deps.sharing.findByHash(hash, false, { onPeers, onTrouble })],
        onTrouble,
        onProgress: (progress) => ui.progress(title, progress),
      },
      signal,
    )
    const { tcp, utp, webSeed } = received
    ui.say(`${title}: ${resumedBytes} bytes were there, ${tcp + utp} came from peers, ${webSeed} from web seeds`)
  }
  await share(deps, torrent, target)
  ui.print('SUCCESSFUL DOWNLOAD')
}

/** A directory takes it by its own name, which a torrent of the document has not, unless it is what was loaded before. */
async function targetOf({ metainfo, hash }: GivenTorrent, path: string): Promise<string> {
  const found = await stat(path).catch(() => null)
  if (!found?.isDirectory() && path.endsWith(sep)) throw new PeerError(`${path} is no directory`)
  if (!found?.isDirectory()) return path
  if (hash !== null) throw new PeerError(`${path} is a directory: name the file, because the torrent does not`)
  const isOfSeveral = metainfo.files[0]?.path.length !== 0
  return isOfSeveral && (await new PieceFiles(metainfo, path).hasFiles()) ? resolve(path) : join(path, metainfo.name)
}

/** @returns whether the file is there already, whole. @throws PeerError where something else is, or it is elsewhere */
async function isThere(
  deps: PeerDeps,
  { metainfo }: GivenTorrent,
  target: string,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const found = await stat(target).catch(() => null)
  for (const known of deps.shares.all.filter(({ infoHash }) => infoHash === metainfo.infoHash)) {
    if (known.path !== target && found !== null) continue
    if (!(await isUnchanged(known))) continue
    if (known.path === target) return true
    // Nobody else may have it, and this peer does not load from itself.
    throw new PeerError(`it is here already, as ${known.path}: copy that`)
  }
  if (found === null) return false
  if (await new PieceFiles(metainfo, target).isWhole(signal, hashingProgress(metainfo.length, onProgress))) return true
  throw new PeerError(`${target} is there already, and is something else`)
}

/** A torrent of several files is loaded, but not shared afterwards: what is shared here is one file each. */
async function share(deps: PeerDeps, { metainfo, hash }: GivenTorrent, target: string): Promise<void> {
  if (metainfo.files[0]?.path.length !== 0) return
  const { infoHash, trackers, bare } = metainfo
  const file = { path: target, infoHash, ...(await statFile(target)) }
  const share: Share =
    hash === null ? { kind: 'torrent', ...file, trackers: [...trackers] } : { kind: 'json', ...file, hash }
  await deps.sharing.add(share, bare)
  await deps.shares.save()
}
