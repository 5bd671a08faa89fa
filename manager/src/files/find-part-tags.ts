import { type CopyId, chunkNumberOf, fileIdOf } from '@holdfast/shared/ids'
import { PART_BYTES } from '@holdfast/shared/limits'
import { type PartTags, tagsOf } from '../chunks/chunk.ts'
import { copiesOf } from './file.model.ts'
import type { HolderRecords } from './holder-records.ts'

/**
 * Finds the tags of a copy's parts for the file-server that sends them. One that has a file's key could make other bytes of
 * the same tag, so it is not told that of a chunk which is one part: its SHA-256 does for that.
 * @returns null where no record names the copy or it needs no tags
 */
export async function findPartTags(holders: HolderRecords, copyId: CopyId): Promise<PartTags | null> {
  const holder = await holders.findWithTags(fileIdOf(copyId))
  const chunk = holder?.chunks[chunkNumberOf(copyId)]
  if (holder === null || chunk === undefined) return null
  if (!copiesOf({ chunks: [chunk] }).some((copy) => copy.copyId === copyId)) return null
  if (chunk.size <= PART_BYTES) return null
  return tagsOf({ chunk, partKey: holder.partKey })
}
