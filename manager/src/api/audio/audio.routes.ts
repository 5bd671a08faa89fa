import { randomBytes } from 'node:crypto'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { type FileName, parseFileName } from '@holdfast/shared/file-name'
import Router from '@koa/router'
import { inBuckets, waveformDat, waveformJson } from '../../audio/decoding/peaks.ts'
import { onlyAudio } from '../../audio/inspect-audio.ts'
import type { MetadataReader } from '../../audio/metadata/metadata-reader.ts'
import { coverMemoryBytes, readEmbeddedCover } from '../../audio/metadata/read-cover.ts'
import type { Track, TrackList } from '../../audio/track-list.ts'
import { mediaTypeOf } from '../../bodies/body-format.ts'
import { openIncomingFiles, openRawFile } from '../../bodies/open-incoming-file.ts'
import { deleteFileById } from '../../files/delete-file.ts'
import type { FileRecord } from '../../files/file.model.ts'
import type { InspectionDeps } from '../../files/inspection.ts'
import { type PutDeps, type PutWish, putFile } from '../../files/put-file.ts'
import { parseQuery } from '../../http/parse-query.ts'
import type { AppContext, RequestState } from '../../http/request-context.ts'
import { safeHeaders } from '../../http/safe-headers.ts'
import { isKnownVersion } from '../file-exchange/known-version.ts'
import { type SendDeps, sendFile } from '../file-exchange/send-file.ts'
import { UploadContext } from '../file-exchange/upload-context.ts'
import type { UploadGate } from '../file-exchange/upload-gate.ts'
import { expiryOf, type ReceivingLimits, receiving } from '../file-exchange/upload-wish.ts'
import { nameQuery, peaksQuery, postQuery } from './audio.operations.ts'
import { filterOf, listQuery, orderOf, parseCursor, writeCursor } from './list-query.ts'
import { asCsv, asM3u } from './playlist.ts'
import { describeTrack, isTrack } from './track-description.ts'

export interface AudioApiDeps extends PutDeps, SendDeps, ReceivingLimits {
  readonly gate: UploadGate
  readonly inspection: InspectionDeps
  readonly metadata: MetadataReader
  readonly tracks: TrackList
  /** Clients reach this manager at this address, if the operator gave one. */
  readonly publicUrl: string | null
}

/** Serves `POST /post`, and `GET` of `/list`, `/info`, `/info/cover` and `/download?name=`: files that are known to be audio. */
export function audioRoutes(deps: AudioApiDeps): Router<RequestState> {
  const router = new Router<RequestState>()

  router.post('/post', async (ctx) => {
    using _place = deps.gate.admit()
    const records =
      mediaTypeOf(ctx.req.headers) === 'multipart/form-data' ? await postSeveral(deps, ctx) : [await postOne(deps, ctx)]
    const tracks = records.filter(isTrack).map(describeTrack)
    const [first] = tracks
    ctx.status = 201
    ctx.body = tracks.length === 1 ? first : tracks
    if (tracks.length === 1 && first !== undefined) ctx.set('Location', first.url)
  })

  router.get('/list', async (ctx) => {
    const query = parseQuery(listQuery, ctx.req.url ?? '')
    const order = orderOf(query)
    const after = parseCursor(query.cursor, order)
    const { tracks, hasMore } = await deps.tracks.list({ filter: filterOf(query), order, after, limit: query.limit })
    const last = tracks.at(-1)
    const next = hasMore && last !== undefined ? writeCursor(last, order) : null
    const files = tracks.map(describeTrack)
    if (query.format === 'json') {
      ctx.body = { files, next }
      return
    }
    if (next !== null) ctx.set('Link', `<${nextPage(ctx, next)}>; rel="next"`)
    ctx.set('X-Content-Type-Options', 'nosniff')
    ctx.type = query.format === 'm3u' ? 'audio/x-mpegurl; charset=utf-8' : 'text/csv; charset=utf-8'
    ctx.body = query.format === 'm3u' ? asM3u(files, deps.publicUrl ?? `http://${ctx.host}`) : asCsv(files)
  })

  router.get('/info', async (ctx) => {
    ctx.body = describeTrack(await findTrack(deps, nameIn(ctx)))
  })

  router.get('/info/cover', async (ctx) => {
    const track = await findTrack(deps, nameIn(ctx))
    if (track.audio.cover === null) throw new StoreError('FILE_NOT_FOUND', 'no picture is embedded in this file')
    if (isKnownVersion(ctx, track, 'cover')) return
    using _share = deps.memory.take(coverMemoryBytes(track))
    const cover = await readEmbeddedCover(deps, track, ctx.state)
    if (cover === null) throw new StoreError('FILE_NOT_FOUND', 'the embedded picture cannot be read')
    ctx.set(safeHeaders('cover', cover.contentType))
    ctx.body = Buffer.from(cover.bytes)
  })

  router.get('/info/peaks', async (ctx) => {
    const { name, buckets, format } = parseQuery(peaksQuery, ctx.req.url ?? '')
    const track = await findTrack(deps, name)
    const { peaks } = track.audio
    if (peaks === undefined)
      throw new StoreError('FILE_NOT_FOUND', 'there is no waveform yet: the file has not been decoded')
    if (isKnownVersion(ctx, track, `peaks-${buckets}-${format}`)) return
    // The database's driver returns a Binary, of which only these fields are a Buffer's.
    const { buffer, byteOffset, byteLength } = peaks.data
    const drawn = inBuckets({ ...peaks, data: new Int8Array(buffer, byteOffset, byteLength) }, buckets)
    if (format === 'json') {
      ctx.body = waveformJson(drawn)
      return
    }
    ctx.set(safeHeaders('peaks.dat', 'application/octet-stream'))
    ctx.body = waveformDat(drawn)
  })

  router.get('/download', async (ctx, next) => {
    // Another interface has /download?id=.
    const { name, id } = parseQuery(downloadQuery, ctx.req.url ?? '')
    if (name === undefined && id !== undefined) return next()
    if (name === undefined) throw new StoreError('INVALID_REQUEST', 'name: is missing')
    const record = await deps.records.findLive(parseFileName(name))
    if (record === null) throw new StoreError('FILE_NOT_FOUND')
    await sendFile(deps, ctx, record)
  })
  return router
}

const downloadQuery = nameQuery.partial().loose()

function nameIn(ctx: AppContext): string {
  return parseQuery(nameQuery, ctx.req.url ?? '').name
}

/** @throws FILE_NOT_FOUND, also where the file of this name is no audio */
async function findTrack({ records }: Pick<AudioApiDeps, 'records'>, name: string): Promise<Track> {
  const record = await records.findLive(parseFileName(name))
  if (record === null) throw new StoreError('FILE_NOT_FOUND')
  if (!isTrack(record)) throw new StoreError('FILE_NOT_FOUND', 'the file of this name is no audio')
  return record
}

/** Stores the body as it is, whatever its content type. */
async function postOne(deps: AudioApiDeps, ctx: AppContext): Promise<FileRecord> {
  const { name, wish } = wishOf(ctx)
  const upload = new UploadContext(ctx.state)
  const options = { ...receiving(deps, ctx, wish, upload), name: name ?? placeholder() }
  const file = await openRawFile(ctx.req, options)
  return putFile(inspecting(deps, name !== null), file, wish, upload)
}

/** Stores the files of a form one after the other. If one of them is refused, none stays. */
async function postSeveral(deps: AudioApiDeps, ctx: AppContext): Promise<FileRecord[]> {
  const { name, wish: asked } = wishOf(ctx)
  const upload = new UploadContext(ctx.state)
  const options = { ...receiving(deps, ctx, asked, upload), name }
  const { fields, files } = await openIncomingFiles(ctx.req, options)
  const stored: FileRecord[] = []
  try {
    const wish = { ...asked, expiry: asked.expiry ?? expiryOf(fields.get('expires')) }
    for await (const file of files) stored.push(await putFile(inspecting(deps, true), file, wish, upload))
    return stored
  } catch (error) {
    const { requestId, log } = ctx.state
    const outcomes = await Promise.allSettled(stored.map(({ _id }) => deleteFileById(deps, _id, { requestId, log })))
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') log.warn({ err: outcome.reason }, 'a file of a refused form stays')
    throw error
  }
}

function inspecting(deps: AudioApiDeps, isNamed: boolean): PutDeps {
  return { ...deps, inspection: { ...deps.inspection, inspector: onlyAudio(deps.metadata, isNamed) } }
}

function wishOf(ctx: AppContext): { readonly name: FileName | null; readonly wish: PutWish } {
  const { name, expires } = parseQuery(postQuery, ctx.req.url ?? '')
  return {
    name: name === undefined ? null : parseFileName(name),
    wish: { storageClass: 'replicated', addressedBy: 'path', expiry: expiryOf(expires) },
  }
}

/** The file gets another name once its tags are known. */
function placeholder(): FileName {
  return parseFileName(`post ${randomBytes(16).toString('hex')}`)
}

function nextPage(ctx: AppContext, cursor: string): string {
  const target = new URL(ctx.req.url ?? '', 'http://manager')
  target.searchParams.set('cursor', cursor)
  return target.pathname + target.search
}
