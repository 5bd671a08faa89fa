import { createHash, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { get } from 'node:http'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { copiesIn } from '../cluster/disk.ts'
import { download, remove, request, upload } from '../cluster/http.ts'
import { TestCluster } from '../cluster/test-cluster.ts'
import { waitUntil } from '../cluster/wait-until.ts'

let cluster: TestCluster
beforeAll(async () => {
  cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl') })
})
afterAll(() => cluster[Symbol.asyncDispose]())

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const KIB = 1024
const MIB = 1024 * KIB

describe('a file', () => {
  test.each([0, 1, 2, 3, 4 * KIB, 192 * KIB, 192 * KIB + 1, 256 * KIB, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1, 9 * MIB])(
    'of %i bytes reads back byte-identical',
    async (sizeBytes) => {
      const bytes = randomBytes(sizeBytes)
      const name = `size/${sizeBytes}`
      const stored = await upload(cluster.url, name, bytes)
      expect(stored.status, stored.body.toString()).toBe(201)
      expect(JSON.parse(stored.body.toString())).toMatchObject({ filename: name, sizeBytes, sha256: sha256(bytes) })
      const read = await download(cluster.url, name)
      expect(read.status).toBe(200)
      expect(read.headers.get('content-length')).toBe(String(sizeBytes))
      expect(read.headers.get('etag')).toBe(`"${sha256(bytes)}"`)
      expect(read.body.equals(bytes)).toBe(true)
    },
  )

  test('lies decoded, as a normal file, on exactly one file-server', async () => {
    const bytes = randomBytes(5_000)
    await upload(cluster.url, 'one-copy', bytes)
    const digest = sha256(bytes)
    const copies = (await copiesIn(cluster.directories)).filter((path) => path.endsWith(`-${digest}`))
    expect(copies).toHaveLength(1)
    expect((await readFile(copies[0] ?? '')).equals(bytes)).toBe(true)
  })

  test('is gone after its delete, and so are its bytes', async () => {
    const bytes = randomBytes(4_000)
    const stored = await upload(cluster.url, 'to-delete', bytes)
    const { id } = JSON.parse(stored.body.toString())
    const deleted = await remove(cluster.url, 'to-delete')
    expect([deleted.status, JSON.parse(deleted.body.toString())]).toEqual([200, { filename: 'to-delete', id }])
    expect(await download(cluster.url, 'to-delete')).toMatchObject({ status: 404, code: 2 })
    expect(await remove(cluster.url, 'to-delete')).toMatchObject({ status: 404, code: 2 })
    await waitUntil('no copy is left', async () => {
      const copies = await copiesIn(cluster.directories)
      return !copies.some((path) => path.includes(sha256(bytes)))
    })
  })

  test('keeps its name to itself: a second one is answered with code 3', async () => {
    const first = randomBytes(100)
    await upload(cluster.url, 'taken', first)
    const second = await upload(cluster.url, 'taken', randomBytes(100))
    expect([second.status, second.code]).toEqual([409, 3])
    expect(JSON.parse(second.body.toString()).message).toBe('File name already exists')
    expect((await download(cluster.url, 'taken')).body.equals(first)).toBe(true)
  })

  test('answers ranges, conditions and HEAD', async () => {
    const bytes = randomBytes(9 * MIB)
    await upload(cluster.url, 'ranged', bytes)
    const url = `${cluster.url}/file/ranged`
    const middle = await request(url, { headers: { range: `bytes=${4 * MIB - 5}-${4 * MIB + 4}` } })
    expect(middle.status).toBe(206)
    expect(middle.headers.get('content-range')).toBe(`bytes ${4 * MIB - 5}-${4 * MIB + 4}/${9 * MIB}`)
    expect(middle.body.equals(bytes.subarray(4 * MIB - 5, 4 * MIB + 5))).toBe(true)
    const beyond = await request(url, { headers: { range: `bytes=${9 * MIB}-` } })
    expect([beyond.status, beyond.code, beyond.headers.get('content-range')]).toEqual([416, 12, `bytes */${9 * MIB}`])
    const same = await request(url, { headers: { 'if-none-match': `"${sha256(bytes)}"` } })
    expect([same.status, same.body.length]).toEqual([304, 0])
    const head = await request(url, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length'), head.body.length]).toEqual([200, String(9 * MIB), 0])
  })

  test('that is empty is the whole answer to any range', async () => {
    await upload(cluster.url, 'empty-ranged', Buffer.alloc(0))
    for (const range of ['bytes=0-1048575', 'bytes=5-', 'bytes=-5']) {
      const read = await request(`${cluster.url}/file/empty-ranged`, { headers: { range } })
      expect([read.status, read.headers.get('content-length'), read.headers.get('content-range')]).toEqual([
        200,
        '0',
        null,
      ])
    }
  })

  test('of text says UTF-8 where it is, and leaves it to the reader where not', async () => {
    await upload(cluster.url, 'utf-8.txt', Buffer.from('grün'))
    await upload(cluster.url, 'latin-1.txt', Buffer.from('grün', 'latin1'))
    const types = await Promise.all(['utf-8.txt', 'latin-1.txt'].map((name) => download(cluster.url, name)))
    expect(types.map(({ headers }) => headers.get('content-type'))).toEqual(['text/plain; charset=utf-8', 'text/plain'])
  })
})

describe('a name', () => {
  test('may hold slashes, escaped or not', async () => {
    const bytes = randomBytes(10)
    await upload(cluster.url, 'a/b c/ü.txt', bytes)
    for (const path of ['a/b%20c/%C3%BC.txt', 'a%2Fb%20c%2F%C3%BC.txt', 'a/b%20c/u%CC%88.txt']) {
      const read = await request(`${cluster.url}/file/${path}`)
      expect([read.status, read.body.equals(bytes)]).toEqual([200, true])
    }
  })

  test.each(['%', '%zz', '%ff', '%00', 'a%0Ab', '%E2%80%AE', 'x'.repeat(256)])(
    'that is bad is a 400: %s',
    async (path) => {
      expect(await request(`${cluster.url}/file/${path}`)).toMatchObject({ status: 400, code: 5 })
    },
  )

  test('never makes a page act in the name of this site', async () => {
    const page = Buffer.from('<script>alert(1)</script>')
    await upload(cluster.url, 'evil".html', page)
    const read = await download(cluster.url, 'evil".html')
    expect(read.headers.get('content-disposition')).toMatch(/^attachment; filename="evil\\".html"$/)
    expect(read.headers.get('x-content-type-options')).toBe('nosniff')
    expect(read.headers.get('content-security-policy')).toContain('sandbox')
  })
})

describe('the answer', () => {
  test('to a page of another site that writes is 403, and nothing is stored', async () => {
    const body = JSON.stringify({ filename: 'forged', file: 'aGk=' })
    const forged = await request(`${cluster.url}/file`, {
      method: 'POST',
      body,
      headers: { 'sec-fetch-site': 'cross-site' },
    })
    expect([forged.status, forged.code]).toEqual([403, 10])
    expect((await download(cluster.url, 'forged')).status).toBe(404)
  })

  test('to a page whose own name was made to mean this machine is 403', async () => {
    const { port } = new URL(cluster.url)
    const ask = (host: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        get({ host: '127.0.0.1', port, path: '/file/none', headers: { host } }, (response) => {
          response.resume()
          resolve(response.statusCode)
        }).on('error', reject)
      })
    expect(await ask(`evil.example:${port}`)).toBe(403)
    for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, '[::1]', 'LOCALHOST'])
      expect(await ask(host)).toBe(404)
  })

  test('to an unknown route is 404, to a wrong method 405 with what is allowed', async () => {
    expect(await request(`${cluster.url}/nothing-here`)).toMatchObject({ status: 404, code: 19 })
    const wrong = await request(`${cluster.url}/file`, { method: 'PUT' })
    expect([wrong.status, wrong.code, wrong.headers.get('allow')]).toEqual([405, 20, 'POST'])
  })

  test('carries the request id that came, in header and error body', async () => {
    const read = await request(`${cluster.url}/file/none`, { headers: { 'x-request-id': 'my-id-1' } })
    expect(read.headers.get('x-request-id')).toBe('my-id-1')
    expect(JSON.parse(read.body.toString())).toEqual({
      code: 2,
      error: 'FILE_NOT_FOUND',
      message: 'File does not exist',
      requestId: 'my-id-1',
    })
  })

  test.each([100, 5 * MIB])(
    'to a body of %i bytes with another digest is 422, and nothing is kept',
    async (sizeBytes) => {
      const bytes = randomBytes(sizeBytes)
      const name = `digest/${sizeBytes}`
      const body = JSON.stringify({ filename: name, file: bytes.toString('base64') })
      const post = (digest: string) =>
        request(`${cluster.url}/file`, { method: 'POST', headers: { 'content-digest': digest }, body })
      const right = createHash('sha256').update(body).digest('base64')
      const other = createHash('sha256').update(`${body} `).digest('base64')
      const refused = await post(`sha-256=:${other}:`)
      expect([refused.status, refused.code]).toEqual([422, 7])
      expect((await post(`sha-256=${right}`)).status).toBe(400)
      expect(await download(cluster.url, name)).toMatchObject({ status: 404, code: 2 })
      await waitUntil('no copy is left', async () => {
        const copies = await copiesIn(cluster.directories)
        return !copies.some((path) => path.includes(sha256(bytes)))
      })
      expect((await post(`sha-256=:${right}:`)).status).toBe(201)
      expect((await download(cluster.url, name)).body.equals(bytes)).toBe(true)
    },
  )

  test('to bad base64 is 400, whatever its length, and leaves nothing behind', async () => {
    const good = randomBytes(3 * 300_000).toString('base64')
    for (const file of [
      'a',
      'ab=c',
      'a-b_',
      `${good.slice(0, -1)}*`,
      `${good.slice(0, 600_001)}\\n${good.slice(600_001)}`,
    ]) {
      const answer = await request(`${cluster.url}/file`, {
        method: 'POST',
        body: `{"filename":"bad64","file":"${file}"}`,
      })
      expect([answer.status, answer.code], file.slice(0, 20)).toEqual([400, 5])
    }
    expect((await download(cluster.url, 'bad64')).status).toBe(404)
  })
})

describe('GET /active-nodes', () => {
  test('tells id, last ping, files, bytes, free space and state of each', async () => {
    const nodes = await cluster.activeNodes()
    expect(nodes.map((node) => node.name)).toEqual(['1', '2', '3'])
    for (const node of nodes) {
      expect(node.id).toMatch(/^[0-9a-f]{16}$/)
      expect(Date.now() - Date.parse(node.lastPingAt)).toBeLessThan(10_000)
      expect(node.freeBytes).toBeGreaterThan(0)
      expect(node.state).toBe('active')
    }
  })
})
