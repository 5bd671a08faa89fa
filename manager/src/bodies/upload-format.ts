import type { IncomingHttpHeaders } from 'node:http'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { type FileName, parseFileName } from '@holdfast/shared/file-name'
import { extension } from 'mime-types'
import { mediaTypeOf } from './body-format.ts'
import { fileNameIn, parseParameters } from './parameters.ts'
import { lastSegmentOf } from './upload-label.ts'

/** An upload comes in one of these: `openIncomingFiles`, `openIncomingFile` and `openRawFile` read them. */
export type UploadFormat =
  | { readonly kind: 'multipart' }
  | { readonly kind: 'form' }
  | { readonly kind: 'raw'; readonly name: FileName }

/** No content type that stands in the table is longer. */
const LONGEST_TYPE = 100

/**
 * Chooses how to read the body of `POST /upload`. Only a client that means a form sends multipart/form-data. Any other body
 * is the file itself where the client names it, in the query or by Content-Disposition, since `curl --data-binary` sends it
 * under the content type of a form. Without a name that type is a form, as for `POST /file`, and what comes under any other
 * type, JSON too, is a file under a made name.
 * @param givenName is the query's
 * @throws INVALID_REQUEST where the Content-Disposition cannot be read
 */
export function chooseUploadFormat(headers: IncomingHttpHeaders, givenName: FileName | null, now: Date): UploadFormat {
  const type = mediaTypeOf(headers)
  if (type === 'multipart/form-data') return { kind: 'multipart' }
  const name = givenName ?? dispositionName(headers)
  if (name !== null) return { kind: 'raw', name }
  if (type === 'application/x-www-form-urlencoded') return { kind: 'form' }
  return { kind: 'raw', name: makeName(type, now) }
}

/** Reads the filename of a request's Content-Disposition (RFC 6266), without the path that may stand before it. */
function dispositionName({ 'content-disposition': disposition }: IncomingHttpHeaders): FileName | null {
  if (disposition === undefined) return null
  const parameters = parseParameters(disposition)
  if (parameters === null) throw new StoreError('INVALID_REQUEST', 'the Content-Disposition cannot be read')
  const fileName = fileNameIn(parameters)
  return fileName === null ? null : parseFileName(lastSegmentOf(fileName))
}

/** Makes a name such as `upload-20261129T053000Z.png`. */
function makeName(type: string, now: Date): FileName {
  const time = now.toISOString().replace(/[-:]|\.\d+/g, '')
  const ending = type.length <= LONGEST_TYPE && extension(type)
  return parseFileName(`upload-${time}.${ending === false ? 'bin' : ending}`)
}
