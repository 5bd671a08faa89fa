import { LARGEST_CHUNK_BYTES } from '@holdfast/shared/limits'
import { z } from 'zod'
import type { IncomingFileOptions } from '../../bodies/open-incoming-file.ts'
import { type Expiry, parseExpiry } from '../../files/expiry.ts'
import type { StorageClass } from '../../files/file.model.ts'
import type { PutWish } from '../../files/put-file.ts'
import { parseQuery } from '../../http/parse-query.ts'
import type { AppContext } from '../../http/request-context.ts'
import { expectsContinue } from '../../http/server/expects-continue.ts'
import type { UploadContext } from './upload-context.ts'

export const uploadQuery = z.object({
  class: z
    .enum(['single', 'replicated'])
    .optional()
    .describe('single: whole, on one file-server. replicated: in chunks, each on REPLICAS file-servers'),
  expires: z.string().optional().describe('A duration such as 90s, 15m, 12h, 7d or 2w, or a date (RFC 3339)'),
})

type Wish = Pick<PutWish, 'storageClass' | 'expiry'>

/** @param unasked the class where the client asks for none. @throws INVALID_REQUEST */
export function parseUploadWish(ctx: AppContext, unasked: StorageClass): Wish {
  const { class: storageClass = unasked, expires } = parseQuery(uploadQuery, ctx.req.url ?? '')
  return { storageClass, expiry: expiryOf(expires) }
}

/** A form sends a field that was left empty, and it means none. @throws INVALID_REQUEST */
export function expiryOf(expires: string | undefined): Expiry | null {
  return expires === undefined || expires === '' ? null : parseExpiry(expires, new Date())
}

export interface ReceivingLimits {
  readonly maxFileBytes: number
  readonly senderPatienceMs: number
}

/** @returns how the body of an upload is to be read */
export function receiving(
  { maxFileBytes, senderPatienceMs: patienceMs }: ReceivingLimits,
  ctx: AppContext,
  { storageClass }: Pick<Wish, 'storageClass'>,
  upload: UploadContext,
): IncomingFileOptions {
  return {
    // The part tags of a file that is one chunk have to fit into one message.
    maxFileBytes: storageClass === 'single' ? Math.min(maxFileBytes, LARGEST_CHUNK_BYTES) : maxFileBytes,
    patienceMs,
    beforeFirstRead: expectsContinue(ctx.req) ? () => ctx.res.writeContinue() : undefined,
    caller: upload.reader,
  }
}
