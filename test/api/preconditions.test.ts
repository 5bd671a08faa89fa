import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type Answer, download, remove, request, upload } from '../cluster/http.ts'
import { TestCluster } from '../cluster/test-cluster.ts'

const run = promisify(execFile)

let cluster: TestCluster
beforeAll(async () => {
  cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), managers: 2, fileServers: 1 })
})
afterAll(() => cluster[Symbol.asyncDispose]())

interface Stored {
  readonly url: string
  readonly name: string
  readonly etag: string
  readonly lastModified: string
  readonly bytes: Buffer
}

async function store(name: string): Promise<Stored> {
  const bytes = randomBytes(1_000)
  const answer = await upload(cluster.url, name, bytes)
  expect(answer.status).toBe(201)
  const url = `${cluster.url}/file/${name}`
  const head = await request(url, { method: 'HEAD' })
  const [etag, lastModified] = [head.headers.get('etag'), head.headers.get('last-modified')]
  if (etag === null || lastModified === null) throw new Error('a file without validators')
  return { url, name, etag, lastModified, bytes }
}

const ask = (method: string, { url }: Stored, headers: Record<string, string>): Promise<Answer> =>
  request(url, { method, headers })
const secondsFrom = (date: string, seconds: number): string => new Date(Date.parse(date) + seconds * 1000).toUTCString()

test('a GET and a HEAD answer 304 and 412, with validators and without bytes', async () => {
  const file = await store('read')
  const before = secondsFrom(file.lastModified, -1)
  for (const method of ['GET', 'HEAD']) {
    for (const headers of [
      { 'if-none-match': file.etag },
      { 'if-none-match': `"other", W/${file.etag}` },
      { 'if-none-match': '*' },
      { 'if-modified-since': file.lastModified },
    ]) {
      const fresh = await ask(method, file, headers)
      expect([fresh.status, fresh.headers.get('etag'), fresh.body.length], JSON.stringify(headers)).toEqual([
        304,
        file.etag,
        0,
      ])
    }
    for (const headers of [
      { 'if-match': '"nope"' },
      { 'if-match': `W/${file.etag}` },
      { 'if-unmodified-since': before },
    ])
      expect((await ask(method, file, headers as Record<string, string>)).status, JSON.stringify(headers)).toBe(412)
    for (const headers of [
      { 'if-match': file.etag },
      { 'if-none-match': '"nope"', 'if-modified-since': file.lastModified },
      { 'if-modified-since': before },
      { 'if-unmodified-since': 'soon', 'if-modified-since': 'later' },
    ])
      expect((await ask(method, file, headers as Record<string, string>)).status, JSON.stringify(headers)).toBe(200)
  }
  expect(await ask('GET', file, { 'if-match': '"nope"' })).toMatchObject({ status: 412, code: 11 })
  expect(await request(`${cluster.url}/file/none`, { headers: { 'if-match': '*' } })).toMatchObject({ code: 2 })
})

test('a range is of the version that If-Range names for certain, and preconditions come before it', async () => {
  const file = await store('ranged')
  const range = (headers: Record<string, string>) => ask('GET', file, { range: 'bytes=0-9', ...headers })
  expect((await range({ 'if-range': file.etag })).status).toBe(206)
  for (const condition of [`W/${file.etag}`, '"nope"', 'nonsense', file.lastModified]) {
    const whole = await range({ 'if-range': condition })
    expect([whole.status, whole.body.equals(file.bytes)], condition).toEqual([200, true])
  }
  expect((await range({ 'if-none-match': file.etag })).status).toBe(304)
  expect((await range({ 'if-match': '"nope"', range: 'bytes=9999-' })).status).toBe(412)
  const head = await ask('HEAD', file, { range: 'bytes=0-9' })
  expect([head.status, head.headers.get('content-length')]).toEqual([200, '1000'])
})

test('a DELETE whose precondition fails is 412 and deletes nothing', async () => {
  const file = await store('kept')
  for (const headers of [
    { 'if-match': '"nope"' },
    { 'if-match': `W/${file.etag}` },
    { 'if-match': file.etag.replaceAll('"', '') },
    { 'if-none-match': '*' },
    { 'if-none-match': `W/${file.etag}` },
    { 'if-unmodified-since': secondsFrom(file.lastModified, -1) },
  ]) {
    const refused = await ask('DELETE', file, headers as Record<string, string>)
    expect([refused.status, refused.code], JSON.stringify(headers)).toEqual([412, 11])
    expect((await download(cluster.url, file.name)).body.equals(file.bytes)).toBe(true)
  }
  const args = ['-sS', '-m', '15', '-X', 'DELETE', '-H', 'If-Match: "nope"', '-w', '%{http_code}', '-o', '/dev/null']
  expect((await run('curl', [...args, file.url])).stdout).toBe('412')
  const deleted = await ask('DELETE', file, { 'if-match': `"a", ${file.etag}`, 'if-modified-since': file.lastModified })
  expect(deleted.status).toBe(200)
  expect((await download(cluster.url, file.name)).status).toBe(404)
  expect(await ask('DELETE', file, { 'if-match': file.etag })).toMatchObject({ status: 404, code: 2 })
})

test('of conditional and unconditional deletes and uploads at once none ends a version that its tag does not name', async () => {
  const name = 'contested'
  const urls = cluster.managers.map((manager) => `${manager.url}/file/${name}`)
  const etagOf = (bytes: Buffer) => `"${createHash('sha256').update(bytes).digest('hex')}"`
  let previous = '"none"'
  for (let round = 0; round < 8; round++) {
    const bytes = randomBytes(200)
    expect((await upload(cluster.url, name, bytes)).status).toBe(201)
    const wrong = Array.from({ length: 10 }, (_, index) =>
      request(urls[index % 2] ?? '', { method: 'DELETE', headers: { 'if-match': previous } }),
    )
    const refused = await Promise.all(wrong)
    expect(refused.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 412))
    expect((await download(cluster.url, name)).body.equals(bytes)).toBe(true)
    const etag = etagOf(bytes)
    const mixed = Array.from({ length: 20 }, (_, index) =>
      request(urls[index % 2] ?? '', { method: 'DELETE', headers: { 'if-match': index % 4 < 2 ? etag : previous } }),
    )
    // The next version comes while they are under way.
    const next = randomBytes(200)
    let isNext = false
    for (let attempt = 0; !isNext && attempt < 200; attempt++)
      isNext = (await upload(cluster.url, name, next)).status === 201
    const answers = await Promise.all(mixed)
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    for (const { status } of answers) expect([200, 404, 412]).toContain(status)
    expect((await download(cluster.url, name)).body.equals(next)).toBe(true)
    expect((await remove(cluster.url, name)).status).toBe(200)
    previous = etag
  }
})
