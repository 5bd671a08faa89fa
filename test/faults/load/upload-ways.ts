import type { LightAnswer, LightClient, Sending } from './light-client.ts'

export interface UploadWay {
  /** A share gets no name but a link, which stands in the answer. */
  readonly kind: 'upload' | 'replace' | 'share'
  send(client: LightClient, url: string, name: string, bytes: Buffer): Promise<LightAnswer>
}

const BOUNDARY = 'a boundary that no bytes of the load have in them'

/** Sends bytes as they are, or as one file of a form. */
const raw = (method: string, path: string, body: Buffer, headers: Sending['headers'] = {}): Sending => ({
  ...{ method, path, body },
  headers: { 'content-type': 'application/octet-stream', ...headers },
})
const form = (path: string, name: string, bytes: Buffer): Sending => {
  const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\n\r\n`
  return {
    ...{ method: 'POST', path },
    headers: { 'content-type': `multipart/form-data; boundary="${BOUNDARY}"` },
    body: Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)]),
  }
}

/** Files of class `single` come in one way. */
export const singleWays: readonly UploadWay[] = [
  { kind: 'upload', send: (client, url, name, bytes) => client.upload(url, name, bytes) },
]

/** Files of class `replicated` come in all of these. */
export const replicatedWays: readonly UploadWay[] = [
  {
    kind: 'upload',
    send: (client, url, name, bytes) =>
      client.ask(url, raw('PUT', `/file/${encodeURIComponent(name)}`, bytes, { 'if-none-match': '*' })),
  },
  {
    kind: 'upload',
    send: (client, url, name, bytes) => client.upload(url, name, bytes, '?class=replicated'),
  },
  {
    kind: 'upload',
    send: (client, url, name, bytes) => client.ask(url, form('/file?class=replicated', name, bytes)),
  },
  {
    kind: 'replace',
    send: (client, url, name, bytes) => client.ask(url, raw('PUT', `/file/${encodeURIComponent(name)}`, bytes)),
  },
  {
    kind: 'share',
    send: (client, url, name, bytes) => client.ask(url, raw('POST', `/upload?name=${encodeURIComponent(name)}`, bytes)),
  },
  { kind: 'share', send: (client, url, name, bytes) => client.ask(url, form('/upload', name, bytes)) },
]
