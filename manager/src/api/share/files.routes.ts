import { StoreError } from '@holdfast/shared/errors/store-error'
import { parseFileName } from '@holdfast/shared/file-name'
import { isFileId, isLinkId } from '@holdfast/shared/ids'
import Router from '@koa/router'
import { lastSegmentOf } from '../../bodies/upload-label.ts'
import { type DeleteDeps, deleteFileById } from '../../files/delete-file.ts'
import { parseExpiry } from '../../files/expiry.ts'
import type { FileRecord } from '../../files/file.model.ts'
import type { FileChange, FileRecords } from '../../files/file-records.ts'
import { allChunks } from '../../files/get-file.ts'
import { wantsHtml } from '../../http/html.ts'
import { jsonBody } from '../../http/json-body.ts'
import type { RequireOperator } from '../../http/operator.ts'
import { parseQuery } from '../../http/parse-query.ts'
import type { AppContext, RequestState } from '../../http/request-context.ts'
import { describeFile } from '../file-exchange/file-description.ts'
import { type PageLinks, sendPlainPage } from '../file-exchange/plain-page.ts'
import { type FileList, fileChange, type ListQuery, listQuery } from './files.operations.ts'
import { parseCursor, writeCursor } from './list-cursor.ts'
import { plainList } from './plain-list.ts'

const readChange = jsonBody(fileChange)

export interface FilesApiDeps extends DeleteDeps {
  readonly requireOperator: RequireOperator
  readonly page: PageLinks
}

/** Serves the list of files at `GET /files`, and what is known of one, to read, change and delete, at `/files/:id`. */
export function filesRoutes(deps: FilesApiDeps): Router<RequestState> {
  const { records, requireOperator } = deps
  const router = new Router<RequestState>()

  router.get('/files', async (ctx) => {
    const query = parseQuery(listQuery, ctx.req.url ?? '')
    // A link is a capability, so only an operator sees all of them.
    if (query.shares) requireOperator(ctx)
    if (query.shares && query.sort !== 'name')
      throw new StoreError('INVALID_REQUEST', 'files with a link are listed by name only')
    const list = await readList(records, query)
    if (wantsHtml(ctx)) sendPlainPage(ctx, deps.page, { title: 'Files', body: plainList(list, query) })
    else ctx.body = list
  })

  router.get('/files/:id', async (ctx) => {
    const record = await find(records, ctx)
    const chunks = []
    for await (const places of allChunks(deps, record)) {
      for (const { chunk } of places) {
        const locations = chunk.replicas.filter(({ bad }) => bad === undefined).map(({ server }) => server)
        chunks.push({ id: chunk.sha256, order: chunks.length, size: chunk.size, locations })
      }
    }
    ctx.body = { ...describeFile(record), chunks }
  })

  const change = async (ctx: AppContext): Promise<void> => {
    const { name, contentType, expiresAt } = await readChange(ctx)
    const { _id, addressedBy } = await find(records, ctx)
    const now = new Date()
    const label = addressedBy === 'path' ? name : name && lastSegmentOf(name)
    const changed = await records.change(_id, {
      ...(label !== undefined && { name: parseFileName(label) }),
      ...(contentType !== undefined && { contentType }),
      ...(expiresAt !== undefined && {
        expiresAt: expiresAt === null ? null : parseExpiry(expiresAt, now, 'expiresAt')(now),
      }),
    } satisfies FileChange)
    if (changed === null) throw new StoreError('FILE_NOT_FOUND')
    ctx.body = describeFile(changed)
  }
  router.post('/files/:id', change)
  router.patch('/files/:id', change)

  router.delete('/files/:id', async (ctx) => {
    const { requestId, log } = ctx.state
    const { _id } = await find(records, ctx)
    ctx.body = describeFile(await deleteFileById(deps, _id, { requestId, log }))
  })
  return router
}

async function readList(records: FileRecords, query: ListQuery): Promise<FileList> {
  const { prefix, q, sort, order, cursor, limit, shares } = query
  const names = { addressedBy: shares ? 'link' : 'path', prefix, search: q.normalize('NFC') } as const
  const [found, total] = await Promise.all([
    records.list({
      ...names,
      order: sort,
      isDescending: order === 'desc',
      after: parseCursor(cursor, sort),
      limit: limit + 1,
    }),
    query.count ? records.count(names) : undefined,
  ])
  const page = found.slice(0, limit)
  const last = page.at(-1)
  return {
    files: page.map(describeFile),
    next: found.length > limit && last !== undefined ? writeCursor(last, sort) : null,
    ...(total !== undefined && { total }),
  }
}

/** A file with a link is known by that alone. @throws FILE_NOT_FOUND */
async function find(records: FileRecords, ctx: AppContext): Promise<FileRecord> {
  const { id } = ctx.params
  const record = isLinkId(id) ? await records.findByLink(id) : isFileId(id) ? await records.findWithPath(id) : null
  if (record === null) throw new StoreError('FILE_NOT_FOUND')
  return record
}
