import { z } from 'zod'
import type { Track } from '../../audio/track-list.ts'
import type { FileRecord } from '../../files/file.model.ts'
import { count, dateTime, digest } from '../../http/openapi.ts'

const texts = z.array(z.string())

export const trackDescription = z
  .object({
    name: z.string(),
    id: z.string().regex(/^[0-9a-f]{24}$/),
    size: count,
    sha256: digest,
    contentType: z.string(),
    uploadedAt: dateTime,
    expiresAt: dateTime.optional(),
    url: z.string().describe('Where its bytes are, on this manager'),
    duration: z.number().nullable().describe('Seconds'),
    estimated: z.literal(true).optional().describe('The duration follows from the bit rate, for nothing tells it'),
    container: z.string(),
    codec: z.string(),
    sampleRate: count.nullable(),
    channels: count.nullable(),
    bitRate: count.nullable().describe('Bits a second'),
    bitDepth: count.nullable(),
    lossless: z.boolean(),
    tags: z.object({
      title: z.string().optional(),
      artist: z.string().optional(),
      artists: texts.optional(),
      album: z.string().optional(),
      albumArtist: z.string().optional(),
      year: count.optional(),
      track: count.optional(),
      trackCount: count.optional(),
      disc: count.optional(),
      discCount: count.optional(),
      genre: texts.optional(),
    }),
    cover: z
      .object({ contentType: z.string(), size: count, url: z.string() })
      .nullable()
      .describe('The embedded picture'),
    verdict: z.enum(['unknown', 'ok', 'damaged']).describe('What decoding it showed'),
    reason: z.string().nullable(),
    degraded: z.literal(true).optional().describe('Fewer file-servers have it yet than should'),
  })
  .meta({ id: 'Track' })

export type TrackDescription = Readonly<z.output<typeof trackDescription>>

export function describeTrack(record: Track): TrackDescription {
  const { _id, name, size, sha256, contentType, createdAt, expiresAt, short, audio } = record
  const { keys: _keys, peaks: _peaks, isChecked: _isChecked, flaw: _flaw, isEstimated, cover, tags, ...facts } = audio
  const query = `?name=${encodeURIComponent(name)}`
  return {
    name,
    id: _id.toHexString(),
    size,
    sha256,
    contentType,
    uploadedAt: createdAt.toISOString(),
    ...(expiresAt !== null && { expiresAt: expiresAt.toISOString() }),
    url: `/download${query}`,
    ...facts,
    ...(isEstimated && { estimated: true }),
    tags: tags as TrackDescription['tags'],
    cover: cover === null ? null : { ...cover, url: `/info/cover${query}` },
    ...(short !== undefined && { degraded: true }),
  }
}

export function isTrack(record: FileRecord): record is Track {
  return record.audio !== undefined
}
