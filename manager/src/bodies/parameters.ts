import { StoreError } from '@holdfast/shared/errors/store-error'
import { decodeUtf8 } from './bounded-bytes.ts'

const OPENING = String.raw`[\t ]*;[\t ]*([^\s";=]+)[\t ]*=[\t ]*`
/** Browsers and curl write it so: a quote never stands in quotes, and a backslash is a backslash. */
const asBrowsers = new RegExp(`${OPENING}(?:"([^"]*)"|([^";]*))`, 'y')
/** RFC 2616 and `curl --form-escape` write it so: a backslash takes the meaning from what follows it. */
const escaped = new RegExp(String.raw`${OPENING}(?:"((?:[^"\\]|\\.)*)"|([^";]*))`, 'y')

const browserEscapes: Readonly<Record<string, string>> = { '%22': '"', '%0D': '\r', '%0A': '\n' }

/** Parameters of a header's value, such as `form-data; name="file"`, stand by their names in small letters. */
export type Parameters = ReadonlyMap<string, string>

/**
 * @param value as it came, one character a byte; so are the texts in the result
 * @returns null where it cannot be read, or one parameter is given twice
 */
export function parseParameters(value: string): Parameters | null {
  const start = value.indexOf(';')
  const list = start < 0 ? '' : value.slice(start)
  return (
    readAll(list, asBrowsers, (text) =>
      text.replace(/%(?:22|0D|0A)/g, (written) => browserEscapes[written] ?? written),
    ) ?? readAll(list, escaped, (text) => text.replace(/\\(["\\])/g, '$1'))
  )
}

function readAll(list: string, parameter: RegExp, unquote: (text: string) => string): Parameters | null {
  const found = new Map<string, string>()
  let end = 0
  for (;;) {
    parameter.lastIndex = end
    const match = parameter.exec(list)
    if (match === null) break
    const [, name = '', quoted, token = ''] = match
    const key = name.toLowerCase()
    if (found.has(key)) return null
    found.set(key, quoted === undefined ? token.trim() : unquote(quoted))
    end = parameter.lastIndex
  }
  return /^[\t ;]*$/.test(list.slice(end)) ? found : null
}

/**
 * Finds the file name that a field has of its own. `filename*` (RFC 8187) counts more than `filename`, wherever it stands.
 * @returns null where there is neither. @throws INVALID_REQUEST
 */
export function fileNameIn(parameters: Parameters): string | null {
  const extended = parameters.get('filename*')
  if (extended !== undefined) return decodeExtended(extended)
  const plain = parameters.get('filename')
  return plain === undefined ? null : decodeUtf8(Buffer.from(plain, 'latin1'), 'filename')
}

function decodeExtended(value: string): string {
  const escapes = /^utf-8'[^']*'((?:[^%]|%[0-9a-f]{2})*)$/i.exec(value)?.[1]
  if (escapes === undefined) throw new StoreError('INVALID_REQUEST', "filename* must be UTF-8'' and escapes of UTF-8")
  const bytes = escapes.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return decodeUtf8(Buffer.from(bytes, 'latin1'), 'filename*')
}
