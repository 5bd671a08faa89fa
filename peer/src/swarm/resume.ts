import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Metainfo } from '@holdfast/shared/node/torrent/metainfo'
import { PeerError, reasonOf } from '../peer-error.ts'
import type { PieceFiles } from './piece-files.ts'
import { ResumeJournal } from './resume-journal.ts'

/** Of what is listed so many pieces are read. Where one of them is wrong, all are. */
const SAMPLE = 8

export interface Resumed {
  readonly journal: ResumeJournal
  /** One bit is set for each piece that is there; it is null where all of it has to be hashed. */
  readonly known: Uint8Array | null
}

/**
 * Makes the files of a download, or goes on with those of an earlier run.
 * @param journals where is noted what has been loaded. @param part where the download is until it is whole
 * @throws PeerError where something else is there, or the disk has too little room
 */
export async function resume(
  journals: string,
  { infoHash, pieces }: Metainfo,
  store: PieceFiles,
  part: string,
): Promise<Resumed> {
  const key = { infoHash, path: part, pieces: pieces.length / 20 }
  const owner = await ResumeJournal.ownerOf(journals, part)
  if (owner !== null && owner !== infoHash)
    throw new PeerError(`${part} is what another torrent has loaded so far: go on with that, or take it away`)
  await requireRoom(store, part)
  // Once they have their sizes again they look whole.
  if (owner !== null) await ResumeJournal.forget(journals, key, await store.lostPieces())
  const isAnyThere = await store.prepare(owner !== null).catch((error: unknown) => {
    throw error instanceof PeerError ? error : new PeerError(`${part} cannot be written: ${reasonOf(error)}`)
  })
  const journal = await ResumeJournal.open(journals, key, isAnyThere, () => store.sync())
  const isRight = journal.known !== null && (await store.hasPieces(sampleOf(journal.known)))
  return { journal, known: isRight ? journal.known : null }
}

async function requireRoom(store: PieceFiles, part: string): Promise<void> {
  const needed = await store.missingBytes()
  const free = await freeBytes(dirname(part))
  if (needed > free)
    throw new PeerError(`${part} needs ${needed} more bytes, and the disk has room for ${free} of them`)
}

/** @param directory may be one that is still to be made */
async function freeBytes(directory: string): Promise<number> {
  const found = await statfs(directory).catch(() => null)
  if (found !== null) return found.bavail * found.bsize
  const parent = dirname(directory)
  return parent === directory ? Number.POSITIVE_INFINITY : freeBytes(parent)
}

/** @returns any of the pieces whose bits are set */
function sampleOf(known: Uint8Array): number[] {
  const listed = [...Array(8 * known.length).keys()].filter(
    (index) => ((known[index >> 3] ?? 0) & (0x80 >> (index & 7))) !== 0,
  )
  return Array.from(
    { length: Math.min(SAMPLE, listed.length) },
    () => listed.splice(Math.floor(Math.random() * listed.length), 1)[0] ?? 0,
  )
}
