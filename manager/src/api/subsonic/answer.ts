import type { AppContext } from '../../http/request-context.ts'

/** This version of the protocol is spoken. OpenSubsonic adds to it. */
export const PROTOCOL_VERSION = '1.16.1'
const SERVER_VERSION = '0.1.0'
const NAMESPACE = 'http://subsonic.org/restapi'

/** An answer may have such a value. Fields that are undefined are left out. */
export type Payload = { readonly [name: string]: PayloadValue }
export type PayloadValue = string | number | boolean | undefined | Payload | readonly (string | number | Payload)[]

export type AnswerFormat = 'xml' | 'json'

export interface Failure {
  readonly code: number
  readonly message: string
}

/** Answers a call in the format that it asked for. */
export function sendAnswer(
  ctx: AppContext,
  format: AnswerFormat,
  payload: Payload,
  failure: Failure | null = null,
): void {
  const answer: Payload = {
    status: failure === null ? 'ok' : 'failed',
    version: PROTOCOL_VERSION,
    type: 'holdfast',
    serverVersion: SERVER_VERSION,
    openSubsonic: true,
    ...payload,
    ...(failure !== null && { error: { ...failure } }),
  }
  ctx.status = 200
  ctx.set({ 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' })
  if (format === 'json') {
    ctx.body = { 'subsonic-response': answer }
    return
  }
  ctx.type = 'text/xml; charset=utf-8'
  ctx.body = asXml('subsonic-response', { xmlns: NAMESPACE, ...answer })
}

/** Writes scalars as attributes and all else as elements; the field `value` is the text of its element. */
export function asXml(name: string, payload: Payload): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${elementOf(name, payload)}\n`
}

function elementOf(name: string, value: string | number | Payload): string {
  if (typeof value !== 'object') return `<${name}>${escapeXml(value)}</${name}>`
  const attributes: string[] = []
  const children: string[] = []
  for (const [field, item] of Object.entries(value)) {
    if (item === undefined) continue
    if (field === 'value' && typeof item !== 'object') children.push(escapeXml(item))
    else if (typeof item !== 'object') attributes.push(` ${field}="${escapeXml(item)}"`)
    else if (isList(item)) for (const element of item) children.push(elementOf(field, element))
    else children.push(elementOf(field, item))
  }
  const start = `<${name}${attributes.join('')}`
  return children.length === 0 ? `${start}/>` : `${start}>${children.join('')}</${name}>`
}

function isList(
  value: Payload | readonly (string | number | Payload)[],
): value is readonly (string | number | Payload)[] {
  return Array.isArray(value)
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
}

/** What XML 1.0 cannot say at all is written as the sign for that. */
function escapeXml(value: string | number | boolean): string {
  return (
    String(value)
      .toWellFormed()
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be in it.
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
      .replace(/[&<>"\t\n\r]/g, (character) => entities[character] ?? character)
  )
}
