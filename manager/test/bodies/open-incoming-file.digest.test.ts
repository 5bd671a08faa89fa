import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { receive, receiveAll, receiveRaw, startUploadServer } from './upload-server.ts'

const options = { maxFileBytes: 10_000_000 }
const content = Buffer.alloc(500_000, 'A')

function sha256Of(body: string | Buffer): string {
  return createHash('sha256').update(body).digest('base64')
}

const wrong = Buffer.alloc(32).toString('base64')
const jsonOf = (bytes: Buffer) => JSON.stringify({ filename: 'a', file: bytes.toString('base64') })
const multipart = (bytes: Buffer) =>
  `--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n${bytes.toString('latin1')}\r\n--b--\r\n`
const form = 'multipart/form-data; boundary=b'

test.each([
  ['JSON', receive(options), 'application/json', jsonOf(content)],
  ['small JSON', receive(options), 'application/json', jsonOf(content.subarray(0, 100))],
  ['multipart', receive(options), form, multipart(content)],
  ['small multipart', receive(options), form, multipart(content.subarray(0, 100))],
  ['a form of files', receiveAll(options), form, multipart(content)],
  ['a small form of files', receiveAll(options), form, multipart(content.subarray(0, 100))],
  ['a raw body', receiveRaw(options), 'x/y', content],
  ['a small raw body', receiveRaw(options), 'x/y', content.subarray(0, 100)],
  ['an empty raw body', receiveRaw(options), 'x/y', Buffer.alloc(0)],
])('takes %s with its digest and refuses it with another', async (_, handler, type, body) => {
  await using server = await startUploadServer(handler)
  const post = async (headers: Record<string, string>): Promise<string | undefined> => {
    const response = await fetch(server.url, {
      method: 'POST',
      headers: { 'content-type': type, ...headers },
      body: Buffer.from(body),
    })
    return ((await response.json()) as { error?: string }).error
  }
  const right = `sha-256=:${sha256Of(body)}:`
  expect(await post({ 'content-digest': right })).toBeUndefined()
  expect(await post({ 'repr-digest': `sha-512=:AAAA:, ${right}` })).toBeUndefined()
  expect(await post({ 'content-digest': 'sha-512=:AAAA:' })).toBeUndefined()
  expect(await post({ 'content-digest': `sha-256=:${wrong}:` })).toBe('DIGEST_MISMATCH')
  expect(await post({ 'content-digest': right, 'repr-digest': `sha-256=:${wrong}:` })).toBe('DIGEST_MISMATCH')
  expect(await post({ 'content-digest': `sha-256=${wrong}` })).toBe('INVALID_REQUEST')
})
