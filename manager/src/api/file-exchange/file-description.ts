import { encodeFileNamePath } from '@holdfast/shared/file-name'
import { z } from 'zod'
import type { FileRecord } from '../../files/file.model.ts'
import { count, dateTime, digest } from '../../http/openapi.ts'
import { validatorsOf } from '../../http/preconditions.ts'

export const fileDescription = z
  .object({
    id: z.string().describe('32 hex digits for a file with a link, which they open, and 24 for one with a path'),
    name: z.string(),
    size: count,
    etag: z.string().describe('As in the header, quotes included'),
    sha256: digest,
    contentType: z.string(),
    class: z.enum(['single', 'replicated']),
    url: z.string().describe('Where its bytes are, on this manager'),
    uploadedAt: dateTime,
    expiresAt: dateTime.nullable(),
    degraded: z
      .literal(true)
      .optional()
      .describe('In the answer to an upload: fewer file-servers have it yet than should'),
  })
  .meta({ id: 'File' })

/** `POST /upload` and the routes below `/files` describe a file like this. */
export type FileDescription = Readonly<z.output<typeof fileDescription>>

export function describeFile(record: FileRecord): FileDescription {
  const { _id, link, name, size, sha256, contentType, storageClass, createdAt, expiresAt } = record
  return {
    id: link ?? _id.toHexString(),
    name,
    size,
    etag: validatorsOf(record).etag,
    sha256,
    contentType,
    class: storageClass,
    url: link === undefined ? `/file/${encodeFileNamePath(name)}` : `/download/${link}`,
    uploadedAt: createdAt.toISOString(),
    expiresAt: expiresAt?.toISOString() ?? null,
  }
}

/** @param record of a file that was stored just now */
export function describeUpload(record: FileRecord): FileDescription {
  return { ...describeFile(record), ...(record.short !== undefined && { degraded: true }) }
}
