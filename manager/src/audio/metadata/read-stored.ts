import type { Logger } from '@holdfast/shared/node/logger'
import type { ReadContext } from '../../chunks/reading/read-chunks.ts'
import type { AudioFields } from '../../files/audio-fields.ts'
import type { FileRecord } from '../../files/file.model.ts'
import { type GetDeps, readFile } from '../../files/get-file.ts'
import { contentReadBy, type IncomingContent, unhurried } from '../../files/inspection.ts'
import { audioFieldsOf } from '../audio-fields-of.ts'
import type { MetadataReader } from './metadata-reader.ts'

export interface StoredDeps extends GetDeps {
  readonly metadata: MetadataReader
}

/** @returns what a file that is stored has, none of which is in memory */
export function contentOf(deps: GetDeps, record: FileRecord, context: ReadContext): IncomingContent {
  const read = (range: { start: number; end: number }) => readFile(deps, record, range, context, unhurried)
  return contentReadBy(read, { size: record.size, head: Buffer.alloc(0) })
}

/** @returns what reads what a stored file says of itself, or null where it is no audio. That throws FILE_UNAVAILABLE, OVERLOADED */
export function readerOfStored(deps: StoredDeps & { readonly log: Logger }) {
  return async (record: FileRecord, signal: AbortSignal): Promise<AudioFields | null> => {
    const context = { requestId: `audio-${record._id.toHexString()}`, signal, log: deps.log }
    const result = await deps.metadata.readMetadata(contentOf(deps, record, context), signal)
    return result.kind === 'audio' ? audioFieldsOf(result.metadata, record.name) : null
  }
}
