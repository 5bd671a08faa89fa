import { access, constants, readFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { isErrno } from '@holdfast/shared/node/system-error'
import { readTorrent, requireSizes } from '@holdfast/shared/node/torrent/metainfo'
import { PeerError, reasonOf } from '../peer-error.ts'
import { hashingProgress } from '../progress.ts'
import type { Share } from '../shares/share-database.ts'
import { type HashedFile, hashFile, statFile } from '../torrent/hash-file.ts'
import { metainfoOf, readJsonTorrent, writeJsonTorrent } from '../torrent/json-torrent.ts'
import { makeTorrent, pieceLengthFor } from '../torrent/make-torrent.ts'
import type { PeerDeps, Ui } from './peer-deps.ts'
import { isJson, writeNew } from './torrent-path.ts'

/** Makes a torrent of a file, registers it with the tracker, and shares the file. Done twice it is done once. */
export async function upload(
  deps: PeerDeps,
  ui: Ui,
  path: string,
  torrentPath: string,
  signal: AbortSignal,
): Promise<void> {
  deps.shares.requireRoom()
  const existing = await readExisting(torrentPath)
  const pieceLength = existing === null ? pieceLengthFor : pieceLengthOf(existing, torrentPath)
  const { size } = await statFile(path)
  const onBytes = hashingProgress(size, (progress) => ui.progress(basename(path), progress))
  const hashed = await hashFile(path, pieceLength, signal, onBytes)
  requireSizes(hashed.size, pieceLength(hashed.size))
  const prepared = isJson(torrentPath)
    ? await prepareJson(deps, path, hashed, { torrentPath, existing, pieceLength: pieceLength(hashed.size) }, signal)
    : await prepareTorrent(deps, path, hashed, { torrentPath, existing, pieceLength: pieceLength(hashed.size) }, signal)
  if (existing === null) await writeNew(torrentPath, prepared.content)
  await deps.sharing.add(prepared.share, prepared.torrent)
  await deps.shares.save()
  deps.log.info({ path, torrentPath, infoHash: prepared.share.infoHash }, 'file shared')
  ui.print('SUCCESSFUL UPLOAD')
}

interface Given {
  readonly torrentPath: string
  readonly existing: Buffer | null
  readonly pieceLength: number
}

interface Prepared {
  readonly share: Share
  readonly content: string | Uint8Array
  /** Other peers are told this of it. */
  readonly torrent: Uint8Array
}

async function prepareJson(
  deps: PeerDeps,
  path: string,
  hashed: HashedFile,
  given: Given,
  signal: AbortSignal,
): Promise<Prepared> {
  const { tracker, listening } = deps
  const metainfo = metainfoOf(hashed.size, given.pieceLength, hashed.pieces)
  const known = given.existing && readJsonTorrent(given.existing)
  if (known !== null && known.metainfo.infoHash !== metainfo.infoHash) throw isOther(given.torrentPath)
  if (known !== null) await tracker.peersOf(known.hash, listening, signal)
  const hash = known?.hash ?? (await tracker.register(listening, null, signal))
  const { size, changedAt } = hashed
  const share: Share = { kind: 'json', path, size, changedAt, infoHash: metainfo.infoHash, hash }
  return { share, content: writeJsonTorrent(hash, metainfo), torrent: metainfo.bare }
}

async function prepareTorrent(
  deps: PeerDeps,
  path: string,
  hashed: HashedFile,
  given: Given,
  signal: AbortSignal,
): Promise<Prepared> {
  const { tracker, listening } = deps
  const { size, changedAt, pieces } = hashed
  const known = given.existing && readTorrent(given.existing)
  const name = known?.name ?? basename(path)
  const content = makeTorrent({ name, length: size, pieceLength: given.pieceLength, pieces }, tracker.trackers)
  const { infoHash, bare, trackers } = readTorrent(content)
  if (known !== null && known.infoHash !== infoHash) throw isOther(given.torrentPath)
  await tracker.register(listening, infoHash, signal)
  return {
    share: { kind: 'torrent', path, size, changedAt, infoHash, trackers: [...trackers] },
    content,
    torrent: bare,
  }
}

/** @returns null where nothing has the name, and it can be given. @throws PeerError */
async function readExisting(torrentPath: string): Promise<Buffer | null> {
  try {
    return await readFile(torrentPath)
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw new PeerError(`${torrentPath} cannot be read: ${reasonOf(error)}`)
  }
  // Nothing is hashed and registered for a torrent that has no place.
  await access(dirname(torrentPath), constants.W_OK).catch((error: unknown) => {
    throw new PeerError(`${torrentPath} cannot be written: ${reasonOf(error)}`)
  })
  return null
}

/** A torrent that is there already has to be of this file, in the same pieces. */
function pieceLengthOf(existing: Buffer, torrentPath: string): () => number {
  try {
    const { pieceLength } = isJson(torrentPath) ? readJsonTorrent(existing).metainfo : readTorrent(existing)
    return () => pieceLength
  } catch (error) {
    throw new PeerError(`${torrentPath} is there already, and is no torrent of the file (${reasonOf(error)})`)
  }
}

function isOther(torrentPath: string): PeerError {
  return new PeerError(`${torrentPath} is there already, and is a torrent of something else`)
}
