import type { Logger } from '@holdfast/shared/node/logger'
import type { DownloadMemory } from '../../chunks/reading/download-memory.ts'
import type { FileRecord } from '../../files/file.model.ts'
import { type GetDeps, readBytesOf, readFile } from '../../files/get-file.ts'

export interface ReadWholeDeps extends GetDeps {
  readonly memory: DownloadMemory
}

/**
 * Gives all bytes of a file, under the bound of the memory for downloads. What was given is used again when the next piece is
 * asked for. @throws FILE_UNAVAILABLE, OVERLOADED
 */
export async function* readWhole(
  deps: ReadWholeDeps,
  record: FileRecord,
  { signal, log }: { readonly signal: AbortSignal; readonly log: Logger },
): AsyncGenerator<Buffer> {
  const whole = { start: 0, end: record.size }
  using share = deps.memory.take(readBytesOf(record, whole))
  const context = { requestId: `torrent-${record._id.toHexString()}`, signal, log }
  yield* readFile(deps, record, whole, context, { isAhead: share.isAhead, isTaken: () => true })
}
