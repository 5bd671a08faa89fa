import { isFileId } from '@holdfast/shared/ids'
import { coverMemoryBytes, readEmbeddedCover } from '../../audio/metadata/read-cover.ts'
import { planStream, type StreamPlan, streamFormats } from '../../audio/streaming/plan-stream.ts'
import type { Transcoder } from '../../audio/streaming/transcoder.ts'
import type { Track } from '../../audio/track-list.ts'
import { safeHeaders } from '../../http/safe-headers.ts'
import { isKnownVersion } from '../file-exchange/known-version.ts'
import { sendFile, sendStream } from '../file-exchange/send-file.ts'
import { type Call, kindOf, type Methods, notFound } from './call.ts'
import { contentTypeOf } from './describe.ts'

/** A page of any site may show and play what it has the credentials for. */
const forAnySite = { 'Cross-Origin-Resource-Policy': 'cross-origin' } as const
/** Nobody listens from further on. */
const MAX_OFFSET_SECONDS = 10_000_000

export const mediaMethods: Methods = {
  async stream(call) {
    const { ctx, deps, parameters } = call
    const track = await findTrack(call, parameters.required('id'))
    const wish = {
      format: parameters.one('format') || undefined,
      maxBitRate: parameters.count('maxBitRate', 0),
      timeOffset: parameters.count('timeOffset', 0, MAX_OFFSET_SECONDS),
    }
    const plan = deps.transcoder === null ? null : planStream(track.audio, wish)
    if (deps.transcoder === null || plan === null) await sendFile(deps, ctx, asAudio(track), { headers: forAnySite })
    else await sendTranscoded(call, deps.transcoder, { track, plan })
    return null
  },

  async download(call) {
    const { ctx, deps, parameters } = call
    await sendFile(deps, ctx, asAudio(await findTrack(call, parameters.required('id'))), { headers: forAnySite })
    return null
  },

  /** Pictures are sent as they are embedded, whatever size is asked for. */
  async getCoverArt(call) {
    const { ctx, deps, parameters } = call
    const track = await findTrack(call, await coverHolder(call, parameters.required('id')))
    if (track.audio.cover === null) throw notFound('Cover')
    if (isKnownVersion(ctx, track, 'cover')) return null
    using _share = deps.memory.take(coverMemoryBytes(track))
    const cover = await readEmbeddedCover(deps, track, ctx.state)
    if (cover === null) {
      ctx.remove('ETag')
      throw notFound('Cover')
    }
    ctx.set({ ...safeHeaders('cover', cover.contentType), ...forAnySite })
    ctx.body = Buffer.from(cover.bytes)
    return null
  },
}

/** @throws ProtocolFailure 70 */
async function findTrack({ deps }: Call, id: string): Promise<Track> {
  const record = isFileId(id) ? await deps.records.findWithPath(id) : null
  if (record?.audio === undefined) throw notFound('Song')
  return { ...record, audio: record.audio }
}

/** The name of a file may say any type, so what the bytes are goes before it. */
function asAudio(track: Track): Track {
  return { ...track, contentType: contentTypeOf(track) }
}

/** @returns the id of the track whose picture is that of a track, an album or an artist */
async function coverHolder({ deps }: Call, id: string): Promise<string> {
  const kind = kindOf(id)
  if (kind === 'song') return id
  const holder = kind === 'album' ? await deps.library.album(id) : await deps.library.artist(id)
  if (holder === null || holder.cover === null) throw notFound('Cover')
  return holder.cover
}

/** Nobody knows how long it will be, so it has no ranges. A client that seeks asks for it anew, from `timeOffset` on. */
async function sendTranscoded(
  { ctx }: Call,
  transcoder: Transcoder,
  { track, plan }: { readonly track: Track; readonly plan: StreamPlan },
): Promise<void> {
  const { contentType } = streamFormats[plan.format]
  const headers = { 'Accept-Ranges': 'none', 'Cache-Control': 'no-store' }
  ctx.set({ ...safeHeaders(`${track.name}.${plan.format}`, contentType), ...forAnySite, ...headers })
  ctx.status = 200
  if (ctx.method === 'HEAD') return
  const bytes = transcoder.stream(track, plan, ctx.state.signal)
  // An error can still be an answer until something is made.
  const first = await bytes.next()
  if (first.done === true) ctx.body = Buffer.alloc(0)
  else await sendStream(ctx, track, first.value, bytes)
}
