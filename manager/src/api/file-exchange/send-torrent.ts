import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileRecord } from '../../files/file.model.ts'
import { queryOf } from '../../http/parse-query.ts'
import type { AppContext } from '../../http/request-context.ts'
import { safeHeaders } from '../../http/safe-headers.ts'
import type { OwnSeed } from '../../peers/seed/own-seed.ts'
import { magnetOf, metainfoOf } from '../../peers/torrents/metainfo.ts'
import type { Torrents, TorrentVersion } from '../../peers/torrents/torrents.ts'
import { describeFile } from './file-description.ts'

/** Whoever wants a torrent of a version asks with its query. */
const QUERIES = { 1: '', hybrid: '?version=hybrid' } as const

export interface SendTorrentDeps {
  readonly torrents: Torrents
  readonly ownSeed: Pick<OwnSeed, 'addressFor'>
  /** The setting PUBLIC_URL tells it, or else MANAGER_URL. */
  readonly publicUrl: string | null
}

/** @returns whether a request asks for a torrent of a file in place of its bytes */
export function wantsTorrent(ctx: AppContext): boolean {
  return /[?&]torrent(?:[=&]|$)/.test(ctx.req.url ?? '')
}

/**
 * Answers with a torrent of a file, or with its magnet link, with `version=hybrid` of both versions at once. @throws
 * FILE_UNAVAILABLE where its pieces are still hashed, INVALID_REQUEST, OVERLOADED, DATABASE_UNAVAILABLE
 */
export async function sendTorrent(
  { torrents, ownSeed, publicUrl }: SendTorrentDeps,
  ctx: AppContext,
  record: FileRecord,
  form: 'torrent' | 'magnet' = 'torrent',
): Promise<void> {
  const origin = publicUrl ?? originAskedFor(ctx)
  const version = versionAskedFor(ctx)
  const info = await torrents.of(record, version)
  const { id, url } = describeFile(record)
  const places = {
    trackers: trackersAt(origin),
    webSeed: origin + url,
    torrent: `${origin}/torrent/${id}${QUERIES[version]}`,
  }
  ctx.set(safeHeaders(`${info.name}.torrent`, 'application/x-bittorrent'))
  if (form === 'torrent') ctx.body = metainfoOf(info, places)
  else {
    ctx.set(safeHeaders('magnet.txt', 'text/plain; charset=utf-8'))
    const peer = ownSeed.addressFor(new URL(origin).hostname)
    ctx.body = `${magnetOf(info, { ...places, peer })}\n`
  }
}

function versionAskedFor({ req }: AppContext): TorrentVersion {
  const asked = new URLSearchParams(queryOf(req.url ?? '')).get('version') ?? '1'
  if (asked !== '1' && asked !== 'hybrid') throw new StoreError('INVALID_REQUEST', 'version must be 1 or hybrid')
  return asked
}

/** The host was judged before any route. @throws INVALID_REQUEST */
function originAskedFor({ req }: AppContext): string {
  const { host } = req.headers
  if (host === undefined || !URL.canParse(`http://${host}`))
    throw new StoreError('INVALID_REQUEST', 'the torrent would lead nowhere without a Host header')
  return new URL(`http://${host}`).origin
}

/** UDP has the same port, where no proxy stands in between. */
function trackersAt(origin: string): string[] {
  const { protocol, hostname, port } = new URL(origin)
  const overHttp = `${origin}/announce`
  return protocol === 'http:' ? [overHttp, `udp://${hostname}:${port === '' ? '80' : port}`] : [overHttp]
}
