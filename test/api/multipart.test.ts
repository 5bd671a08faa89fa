import { randomBytes } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { parseFileName } from '@holdfast/shared/file-name'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { download, request, upload } from '../cluster/http.ts'
import { TestCluster } from '../cluster/test-cluster.ts'

let cluster: TestCluster
beforeAll(async () => {
  cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 1 })
})
afterAll(() => cluster[Symbol.asyncDispose]())

const send = (form: FormData) => request(`${cluster.url}/file`, { method: 'POST', body: form })

// A quote or a line break in a name is escaped by browsers, and cannot be told from a name that holds just that escape.
const names = fc
  .oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }),
    fc
      .array(fc.constantFrom('"', '\\', '\\"', ';', '=', "'", '%', '%25', '*', 'a', '\u00fc', '/', ' ', 'filename='), {
        minLength: 1,
        maxLength: 8,
      })
      .map((pieces) => pieces.join('')),
  )
  .filter((text) => {
    try {
      return parseFileName(text) !== '' && !/%(22|0D|0A)/.test(text)
    } catch {
      return false
    }
  })

test('a file that fetch sends is stored under the name that it has there', async () => {
  let number = 0
  const property = fc.asyncProperty(names, async (own) => {
    const form = new FormData()
    const name = parseFileName(`${own}${++number}`.slice(0, 200))
    // What fetch and browsers write for a quote or a line break looks the same where it stands in the name itself.
    fc.pre(!/%(22|0a|0d)/i.test(name))
    form.append('file', new Blob([String(number)]), name)
    const stored = await send(form)
    expect([stored.status, JSON.parse(stored.body.toString()).filename]).toEqual([201, name])
    expect((await download(cluster.url, name)).body.toString()).toBe(String(number))
  })
  await fc.assert(property, { numRuns: 60 })
})

test('a name with a line break, which fetch escapes too, is refused as such', async () => {
  const form = new FormData()
  form.append('file', new Blob(['x']), 'a\nb')
  const refused = await send(form)
  expect([refused.status, JSON.parse(refused.body.toString()).detail]).toEqual([
    400,
    'filename must not hold control or bidirectional characters',
  ])
})

/** Sends the beginning of a body that is announced to be far longer, and waits for the answer. */
function begin(parts: string): Promise<{ status: number | undefined; detail: unknown }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'multipart/form-data; boundary=b', 'content-length': 100_000_000 }
    const sent = httpRequest(`${cluster.url}/file`, { method: 'POST', headers, timeout: 20_000 }, async (response) => {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk as Buffer)
      resolve({ status: response.statusCode, detail: JSON.parse(Buffer.concat(chunks).toString()).detail })
      sent.destroy()
    })
    sent.on('timeout', () => sent.destroy(new Error('no answer')))
    sent.on('error', reject)
    sent.write(parts)
    sent.write(randomBytes(400_000).toString('latin1'), 'latin1')
  })
}

const field = '--b\r\nContent-Disposition: form-data; name="filename"\r\n\r\ntaken\r\n'
const file = (own: string): string =>
  `--b\r\nContent-Disposition: form-data; name="file"; ${own}\r\nContent-Type: x/y\r\n\r\n`

test.each([
  ['in the first part', `${field}${file('filename="free"')}`],
  ['in the file part alone', file('filename="taken"')],
  ['in its filename*', file(`filename*=UTF-8''%74aken; filename="free"`)],
])('a taken name %s is refused before the bytes have come', async (_, parts) => {
  await upload(cluster.url, 'taken', Buffer.from('x'))
  expect(await begin(parts)).toEqual({ status: 409, detail: 'the name that came before the bytes, "taken", is taken' })
})

test('a field after the file names it, whatever its part is called', async () => {
  for (const sizeBytes of [10, 600_000]) {
    const bytes = randomBytes(sizeBytes)
    const form = new FormData()
    form.append('file', new Blob([bytes]), `own${sizeBytes}`)
    form.append('filename', `other${sizeBytes}`)
    expect((await send(form)).status).toBe(201)
    expect((await download(cluster.url, `own${sizeBytes}`)).status).toBe(404)
    expect((await download(cluster.url, `other${sizeBytes}`)).body.equals(bytes)).toBe(true)
  }
})
