import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileRecord } from '../../files/file.model.ts'
import { judgePreconditions, validatorsOf } from '../../http/preconditions.ts'
import type { AppContext } from '../../http/request-context.ts'

/**
 * Sets the headers of something that follows from a file, and answers 304 where the client has it.
 * @param what names it among all that follows from the file
 * @returns whether that is all. @throws PRECONDITION_FAILED
 */
export function isKnownVersion(ctx: AppContext, file: Pick<FileRecord, 'sha256' | 'createdAt'>, what: string): boolean {
  const etag = `"${file.sha256}-${what}"`
  const verdict = judgePreconditions(ctx.req.headers, { ...validatorsOf(file), etag }, 'read')
  if (verdict.kind === 'failed') throw new StoreError('PRECONDITION_FAILED', verdict.detail)
  ctx.set({ ETag: etag, 'Cache-Control': 'no-cache' })
  if (verdict.kind === 'met') return false
  ctx.status = 304
  return true
}
