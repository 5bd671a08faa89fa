import { hasErrorName, StoreError } from '@holdfast/shared/errors/store-error'
import { type FileName, parseFileName } from '@holdfast/shared/file-name'
import type { Metainfo } from '@holdfast/shared/node/torrent/metainfo'

/** Describes a file of a torrent as it is to be stored. */
export interface PlannedFile {
  /** This is its number among the torrent's files. */
  readonly number: number
  readonly name: FileName
  readonly length: number
}

export interface PlanLimits {
  readonly maxFileBytes: number
  /** All files together may have so many bytes. */
  readonly maxTorrentBytes: number
}

/**
 * Names the files of a torrent: below the folder as every client names them, the torrent's own name first. What is only there
 * to fill pieces up is left out. @throws INVALID_REQUEST, TOO_LARGE where one of them could not be stored
 */
export function planFiles(
  { name: torrentName, files, length: totalBytes }: Pick<Metainfo, 'name' | 'files' | 'length'>,
  folder: string,
  { maxFileBytes, maxTorrentBytes }: PlanLimits,
): PlannedFile[] {
  if (totalBytes > maxTorrentBytes)
    throw new StoreError('TOO_LARGE', `the torrent has ${totalBytes} bytes, and at most ${maxTorrentBytes} are taken`)
  const planned = files.flatMap(({ path, length, isPadding }, number) => {
    const name = [...(folder === '' ? [] : [folder]), torrentName, ...path].join('/')
    if (length > maxFileBytes)
      throw new StoreError('TOO_LARGE', `${quote(name)} has ${length} bytes, and at most ${maxFileBytes} are taken`)
    return isPadding ? [] : [{ number, name: nameOf(name), length }]
  })
  // Two names may be one in the form in which names are compared.
  const names = new Set<string>()
  for (const { name } of planned) {
    if (names.has(name))
      throw new StoreError('INVALID_REQUEST', `the torrent has two files that are called ${quote(name)}`)
    names.add(name)
  }
  return planned
}

function nameOf(name: string): FileName {
  try {
    return parseFileName(name)
  } catch (error) {
    if (!hasErrorName(error, 'INVALID_REQUEST')) throw error
    throw new StoreError('INVALID_REQUEST', `${quote(name)}: ${(error as StoreError).detail}`, { cause: error })
  }
}

/** A name of any length becomes a part of a sentence. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name)
}
