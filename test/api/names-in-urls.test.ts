import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { StoreClient } from '@holdfast/client/store-client'
import { parseFileName } from '@holdfast/shared/file-name'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { request, upload } from '../cluster/http.ts'
import { TestCluster } from '../cluster/test-cluster.ts'

const run = promisify(execFile)

let cluster: TestCluster
let client: StoreClient
beforeAll(async () => {
  cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 1 })
  client = new StoreClient({ baseUrl: cluster.url })
})
afterAll(() => cluster[Symbol.asyncDispose]())

// biome-ignore format: a table
const pieces = [
  '.', '..', '/', '\\', '%', '%2e', '%2F', '%5c', '%25', '?', '#', ';', ':', '@', '&', '=', '+', ' ', '~', '"', "'", '<', '|', '^', '`', '{',
  'a', 'e\u0301', '\u00df', '\u4e2d', '\u{1f600}', '\u00a0', '\uff0e', '\ufffd', 'file', 'http:', '//',
]
const names = fc
  .oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
    fc
      .array(fc.constantFrom('.', '..', '', 'a', '%2e'), { minLength: 2, maxLength: 5 })
      .map((pieces) => pieces.join('/')),
    fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 8 }).map((pieces) => pieces.join('')),
  )
  .filter((text) => {
    try {
      return parseFileName(text) !== ''
    } catch {
      return false
    }
  })

test('every name that is accepted comes back by its Location and by the client', async () => {
  const bytesOf = (name: string): Buffer => Buffer.from(`the bytes of ${name}`)
  const property = fc.asyncProperty(names, async (name) => {
    const bytes = bytesOf(name)
    const stored = await upload(cluster.url, name, bytes)
    expect(stored.status, stored.body.toString()).toBe(201)
    const url = new URL(stored.headers.get('location') ?? '', `${cluster.url}/file`)
    const found = await request(url.href)
    expect([found.status, found.body.toString()]).toEqual([200, bytes.toString()])
    const { stream } = await client.get(name)
    expect(await new Response(stream).text()).toBe(bytes.toString())
    expect((await client.delete(name)).filename).toBe(name.normalize('NFC'))
    expect((await request(url.href)).status).toBe(404)
  })
  await fc.assert(property, { numRuns: 60 })
})

test.each(['a/../b', '../b', 'a/..', './b', 'a/./b', '/..', '..\\b', '%2e%2e/b', '.../b'])(
  'the Location of %s leads to it, and to no other, also for curl',
  async (name) => {
    await upload(cluster.url, 'b', Buffer.from('another'))
    const stored = await upload(cluster.url, name, Buffer.from(name))
    const { stdout } = await run('curl', ['-sS', '-m', '15', `${cluster.url}${stored.headers.get('location')}`])
    expect(stdout).toBe(name)
  },
)

test.each(['.', '..'])('the name %s, which no URL can carry, is refused in every format', async (name) => {
  const form = new FormData()
  form.append('file', new Blob(['x']), name)
  for (const body of [
    JSON.stringify({ filename: name, file: '' }),
    new URLSearchParams({ filename: name, file: '' }),
    form,
  ]) {
    const answer = await request(`${cluster.url}/file`, { method: 'POST', body })
    expect([answer.status, JSON.parse(answer.body.toString()).detail]).toEqual([
      400,
      'filename must not be . or .., which fit into no URL',
    ])
  }
})
