import { StoreError } from '@holdfast/shared/errors/store-error'
import { isFileId, isLinkId } from '@holdfast/shared/ids'
import Router from '@koa/router'
import type { FileRecords } from '../../files/file-records.ts'
import type { RequestState } from '../../http/request-context.ts'
import { type SendTorrentDeps, sendTorrent } from '../file-exchange/send-torrent.ts'

export interface TorrentFilesDeps extends SendTorrentDeps {
  readonly records: FileRecords
}

/** Serves `GET /torrent/:id`: a torrent of a stored file, or with `?magnet` its magnet link, of version 1 or with `?version=hybrid` of both. */
export function torrentFilesRoutes(deps: TorrentFilesDeps): Router<RequestState> {
  const { records } = deps
  const router = new Router<RequestState>()
  router.get('/torrent/:id', async (ctx) => {
    const { id } = ctx.params
    const record = isLinkId(id) ? await records.findByLink(id) : isFileId(id) ? await records.findWithPath(id) : null
    if (record === null) throw new StoreError('FILE_NOT_FOUND')
    await sendTorrent(deps, ctx, record, /[?&]magnet(?:[=&]|$)/.test(ctx.req.url ?? '') ? 'magnet' : 'torrent')
  })
  return router
}
