import { type CopyId, chunkNumberOf, fileIdOf } from '@holdfast/shared/ids'
import { type PartTags, tagsOf } from '../chunks/chunk.ts'
import { copiesOf } from './file.model.ts'
import type { HolderRecords } from './holder-records.ts'

/** @returns the tags of a copy's parts, which its record has, or null where no record names it or there are none */
export async function findPartTags(holders: HolderRecords, copyId: CopyId): Promise<PartTags | null> {
  const holder = await holders.findWithTags(fileIdOf(copyId))
  const chunk = holder?.chunks[chunkNumberOf(copyId)]
  if (holder === null || chunk === undefined) return null
  if (!copiesOf({ chunks: [chunk] }).some((copy) => copy.copyId === copyId)) return null
  return tagsOf({ chunk, partKey: holder.partKey })
}
