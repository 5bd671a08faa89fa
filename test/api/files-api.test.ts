import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { copiesIn } from '../cluster/disk.ts'
import { request } from '../cluster/http.ts'
import { type Described, jsonOf, put, sha256, share } from '../cluster/shares.ts'
import { TestCluster } from '../cluster/test-cluster.ts'
import { waitUntil } from '../cluster/wait-until.ts'

const MIB = 1024 * 1024
interface Page {
  readonly files: Described[]
  readonly next: string | null
}

let cluster: TestCluster
beforeAll(async () => {
  cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl') })
})
afterAll(() => cluster[Symbol.asyncDispose]())

const list = async (query: string): Promise<Page> => jsonOf(await request(`${cluster.url}/files?${query}`))
const get = (id: string) => request(`${cluster.url}/files/${id}`)
const change = (id: string, body: unknown, method = 'PATCH') =>
  request(`${cluster.url}/files/${id}`, {
    ...{ method, headers: { 'content-type': 'application/json' } },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
const idOf = async (path: string, bytes: Uint8Array): Promise<string> =>
  jsonOf<{ id: string }>(await put(cluster.url, path, bytes)).id

describe('the list', () => {
  test('gives files with a path in the order of their names, page by page, and each once', async () => {
    const names = ['list/a', 'list/b', 'list/b/c', 'list/z', 'list/ü', 'list/\u{1f600}', 'list/～']
    for (const name of names.toReversed()) await put(cluster.url, encodeURIComponent(name), Buffer.from(name))
    await put(cluster.url, 'lisu', Buffer.from('x'))
    await share(cluster.url, 'list-share', Buffer.from('x'))
    const order = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    for (const limit of [1, 2, 3, 7, 8]) {
      const seen: string[] = []
      for (let cursor: string | null = ''; cursor !== null; ) {
        const page = await list(`prefix=list/&limit=${limit}${cursor === '' ? '' : `&cursor=${cursor}`}`)
        expect(page.files.length).toBeLessThanOrEqual(limit)
        seen.push(...page.files.map(({ name }) => name))
        cursor = page.next
      }
      expect(seen).toEqual(order)
    }
    const [first] = (await list('prefix=list/a')).files
    expect(first).toMatchObject({ name: 'list/a', size: 6, sha256: sha256(Buffer.from('list/a')), url: '/file/list/a' })
    expect(first).not.toHaveProperty('chunks')
  })

  test('goes on after a file that was deleted meanwhile', async () => {
    for (const name of ['go/1', 'go/2', 'go/3']) await put(cluster.url, name, Buffer.from(name))
    const { next } = await list('prefix=go/&limit=2')
    await request(`${cluster.url}/file/go/2`, { method: 'DELETE' })
    expect((await list(`prefix=go/&cursor=${next}`)).files.map(({ name }) => name)).toEqual(['go/3'])
  })

  test('of shares gives every one of those with the same label', async () => {
    const ids = await Promise.all(
      ['1', '2', '3', '4', '5'].map(async (body) => (await share(cluster.url, 'same', Buffer.from(body))).id),
    )
    const seen: string[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page = await list(`shares=true&prefix=same&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`)
      seen.push(...page.files.map(({ id }) => id))
      cursor = page.next
    }
    expect(seen.toSorted()).toEqual(ids.toSorted())
    expect((await list('prefix=same')).files).toEqual([])
  })

  test.each([
    ['limit=0'],
    ['limit=1001'],
    ['limit=-1'],
    ['limit=1.5'],
    ['limit=x'],
    ['limit='],
    ['limit=1&limit=2'],
    ['shares=maybe'],
    ['prefix=%ff'],
    [`prefix=${'a'.repeat(256)}`],
    ['cursor='],
    ['cursor=x'],
    [`cursor=${'a'.repeat(9_000)}`],
    [`cursor=${Buffer.from(`${'a'.repeat(24)}`).toString('base64url')}`],
    [`cursor=${Buffer.from(`${'a'.repeat(24)}\0`).toString('base64url')}`],
    [`cursor=${Buffer.from(`{"$gt":""}${'a'.repeat(24)}`).toString('base64url')}`],
  ])('refuses %s', async (query) => {
    expect(await request(`${cluster.url}/files?${query}`)).toMatchObject({ status: 400, code: 5 })
  })

  test('takes nothing in a query for an operator of the database', async () => {
    await put(cluster.url, 'operator', Buffer.from('x'))
    for (const query of ['prefix[$gt]=x', '__proto__=x', 'prefix[]=x', 'constructor=x'])
      expect((await list(query)).files.some(({ name }) => name === 'operator')).toBe(true)
    expect((await list('prefix={"$gt":""}')).files).toEqual([])
  })
})

describe('what is known of a file', () => {
  test('are its chunks, in their order, and the file-servers that have them', async () => {
    const bytes = randomBytes(9 * MIB)
    const shared = await share(cluster.url, 'chunks', bytes)
    const { chunks, ...described } = jsonOf<Described & { chunks: { locations: string[] }[] }>(await get(shared.id))
    expect(described).toEqual(shared)
    const active = (await cluster.activeNodes()).map(({ id }) => id)
    expect(chunks).toEqual(
      [0, 1, 2].map((order) => {
        const part = bytes.subarray(order * 4 * MIB, (order + 1) * 4 * MIB)
        return { id: sha256(part), order, size: part.length, locations: expect.any(Array) }
      }),
    )
    for (const { locations } of chunks) {
      expect(new Set(locations).size).toBe(2)
      expect(active).toEqual(expect.arrayContaining(locations))
    }
  })

  test('is found by the id of a file with a path, and by the link of one without', async () => {
    const id = await idOf('known', Buffer.from('x'))
    expect(jsonOf(await get(id))).toMatchObject({ id, name: 'known', url: '/file/known' })
    for (const other of [
      'known',
      id.toUpperCase(),
      `${id}0`,
      '0'.repeat(24),
      '0'.repeat(32),
      '__proto__',
      '%00',
      '%2e%2e%2fknown',
      '%ff',
    ])
      expect(await get(other), other).toMatchObject({ status: 404, code: 2 })
  })
})

describe('a change', () => {
  test.each(['POST', 'PATCH'])(
    'by %s gives a file another name, type and time to expire, and keeps its bytes',
    async (method) => {
      const id = await idOf(`change/${method}`, Buffer.from('bytes'))
      const wish = { name: `changed/${method}`, contentType: 'text/csv; charset=utf-8', expiresAt: '1h' }
      const answer = await change(id, wish, method)
      expect(answer.status).toBe(200)
      const changed = jsonOf<Described>(answer)
      expect(changed).toMatchObject({ ...wish, id, expiresAt: expect.any(String), url: `/file/changed/${method}` })
      expect(Date.parse(changed.expiresAt ?? '') - Date.now()).toBeGreaterThan(3_500_000)
      expect((await request(`${cluster.url}/file/change/${method}`)).status).toBe(404)
      const read = await request(`${cluster.url}/file/changed/${method}`)
      expect([read.body.toString(), read.headers.get('content-type')]).toEqual(['bytes', wish.contentType])
      expect(jsonOf(await change(id, { expiresAt: null }, method))).toMatchObject({ ...wish, expiresAt: null })
    },
  )

  test('to a name that is taken is refused, and changes nothing else either', async () => {
    await put(cluster.url, 'taken', Buffer.from('first'))
    const id = await idOf('wants-it', Buffer.from('second'))
    const refused = await change(id, { name: 'taken', contentType: 'text/csv' })
    expect([refused.status, refused.code]).toEqual([409, 3])
    expect(jsonOf(await get(id))).toMatchObject({ name: 'wants-it', contentType: expect.not.stringContaining('csv') })
    expect((await request(`${cluster.url}/file/taken`)).body.toString()).toBe('first')
    await put(cluster.url, 'expired?expires=1s', Buffer.from('third'))
    await waitUntil('it is gone', async () => (await request(`${cluster.url}/file/expired`)).status === 404)
    expect((await change(id, { name: 'expired' })).status).toBe(200)
  })

  test('of a label may repeat one, and knows no folders', async () => {
    const [first, second] = [
      await share(cluster.url, 'label', Buffer.from('1')),
      await share(cluster.url, 'other', Buffer.from('2')),
    ]
    expect(jsonOf(await change(second.id, { name: '../../label' }))).toEqual({ ...second, name: 'label' })
    expect((await request(cluster.url + first.url)).body.toString()).toBe('1')
  })

  test.each([
    ['an unknown field', '{"size":4}', 400],
    ['another known word', '{"constructor":{}}', 400],
    ['a prototype', '{"__proto__":{"name":"x"}}', 400],
    ['a list', '[]', 400],
    ['null', 'null', 400],
    ['what breaks off', '{"name":"x"', 400],
    ['no name', '{"name":""}', 400],
    ['a name that is none', '{"name":{"$gt":""}}', 400],
    ['a name with a zero', '{"name":"a\\u0000b"}', 400],
    ['a name of 256 bytes', `{"name":"${'a'.repeat(256)}"}`, 400],
    ['a type that is none', '{"contentType":"nonsense"}', 400],
    ['a type with a line break', '{"contentType":"text/html\\r\\nSet-Cookie: x"}', 400],
    ['a type beyond ASCII', '{"contentType":"text/ht\u00fcml"}', 400],
    ['a past date', '{"expiresAt":"2001-01-01"}', 400],
    ['a number for a date', '{"expiresAt":5}', 400],
    ['more than 64 KiB', `{"name":"${'a'.repeat(70_000)}"}`, 413],
  ])('to %s is refused', async (what, body, status) => {
    const { id } = await share(cluster.url, `refused ${what}`, Buffer.from('x'))
    expect((await change(id, body)).status).toBe(status)
    expect(jsonOf(await get(id))).toMatchObject({ name: `refused ${what}`, expiresAt: null })
  })

  test('that comes as another type is refused', async () => {
    const { id } = await share(cluster.url, 'typed', Buffer.from('x'))
    const body = '<name>x</name>'
    const refused = await request(`${cluster.url}/files/${id}`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'text/xml' },
    })
    expect(refused).toMatchObject({ status: 415, code: 8 })
  })
})

describe('a delete', () => {
  test('describes the file that is gone, with its bytes', async () => {
    const bytes = randomBytes(5_000)
    const shared = await share(cluster.url, 'deleted', bytes)
    const answer = await request(`${cluster.url}/files/${shared.id}`, { method: 'DELETE' })
    expect([answer.status, jsonOf(answer)]).toEqual([200, shared])
    for (const path of [shared.url, `/files/${shared.id}`])
      expect(await request(cluster.url + path)).toMatchObject({ status: 404, code: 2 })
    expect((await request(`${cluster.url}/files/${shared.id}`, { method: 'DELETE' })).status).toBe(404)
    await waitUntil('no copy is left', async () => {
      const copies = await copiesIn(cluster.directories)
      return !copies.some((path) => path.includes(sha256(bytes)))
    })
  })

  test('of a file with a path frees it', async () => {
    const id = await idOf('frees', Buffer.from('x'))
    expect((await request(`${cluster.url}/files/${id}`, { method: 'DELETE' })).status).toBe(200)
    expect((await put(cluster.url, 'frees', Buffer.from('y'), { 'if-none-match': '*' })).status).toBe(201)
  })
})

test('a path that climbs is no route', async () => {
  const { hostname, port } = new URL(cluster.url)
  for (const path of ['/files/../../etc/passwd', '/download/../files', '/download/..%2ffiles']) {
    const socket = connect(Number(port), hostname)
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
    expect(await text(socket), path).toMatch(/^HTTP\/1\.1 404 /)
  }
})
