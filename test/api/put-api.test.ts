import { execFile } from 'node:child_process'
import { hash, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { copiesIn } from '../cluster/disk.ts'
import { request } from '../cluster/http.ts'
import { jsonOf, put, sha256 } from '../cluster/shares.ts'
import { TestCluster } from '../cluster/test-cluster.ts'
import { waitUntil } from '../cluster/wait-until.ts'

const run = promisify(execFile)
const MIB = 1024 * 1024

let cluster: TestCluster
beforeAll(async () => {
  cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), managers: 2 })
})
afterAll(() => cluster[Symbol.asyncDispose]())

const get = (path: string) => request(`${cluster.url}/file/${path}`)
const copiesOf = async (bytes: Uint8Array) =>
  (await copiesIn(cluster.directories)).filter((path) => path.endsWith(`-${sha256(bytes)}`))
const digestOf = (bytes: Uint8Array): string => `sha-256=:${hash('sha256', bytes, 'base64')}:`

describe('a PUT', () => {
  test('by curl -T creates, and replaces what is there', async () => {
    const path = join(cluster.directory, 'to-put')
    const url = `${cluster.url}/file/dir/put.txt`
    const curl = async () =>
      JSON.parse((await run('curl', ['-sS', '-m', '20', '-T', path, '-w', '%{stderr}%{http_code}', url])).stdout)
    const status = async () =>
      (await run('curl', ['-sS', '-m', '20', '-T', path, '-o', '/dev/null', '-w', '%{http_code}', url])).stdout
    await writeFile(path, 'first')
    expect(await status()).toBe('201')
    expect((await get('dir/put.txt')).body.toString()).toBe('first')
    const large = randomBytes(5 * MIB)
    await writeFile(path, large)
    expect(await curl()).toMatchObject({
      filename: 'dir/put.txt',
      sizeBytes: 5 * MIB,
      sha256: sha256(large),
      class: 'replicated',
    })
    expect(await status()).toBe('200')
    expect((await get('dir/put.txt')).body.equals(large)).toBe(true)
  })

  test('says where the file is, and its tag', async () => {
    const bytes = randomBytes(100)
    const created = await put(cluster.url, 'a%2Fb%20c', bytes)
    expect([created.status, created.headers.get('location')]).toEqual([201, '/file/a/b%20c'])
    expect(created.headers.get('etag')).toBe(`"${sha256(bytes)}"`)
    expect((await put(cluster.url, 'a/b%20c', bytes)).status).toBe(200)
    // Those of what was replaced stay a while, for those who read it.
    await waitUntil('each has two copies', async () => (await copiesOf(bytes)).length === 4)
  })

  test('of no bytes is an empty file', async () => {
    expect((await put(cluster.url, 'empty', Buffer.alloc(0))).status).toBe(201)
    const read = await get('empty')
    expect([read.status, read.headers.get('content-length')]).toEqual([200, '0'])
  })

  test('may ask for one copy', async () => {
    const bytes = randomBytes(3_000)
    expect(jsonOf(await put(cluster.url, 'one?class=single', bytes))).toMatchObject({ class: 'single' })
    expect(await copiesOf(bytes)).toHaveLength(1)
    expect(await put(cluster.url, 'one?class=triple', bytes)).toMatchObject({ status: 400, code: 5 })
  })

  test('of a part of a file is refused', async () => {
    await put(cluster.url, 'whole', Buffer.from('all of it'))
    const refused = await put(cluster.url, 'whole', Buffer.from('part'), { 'content-range': 'bytes 4-7/9' })
    expect([refused.status, refused.code]).toEqual([400, 5])
    expect((await get('whole')).body.toString()).toBe('all of it')
  })

  test('keeps to its conditions', async () => {
    const [first, second] = [Buffer.from('first'), Buffer.from('second')]
    expect((await put(cluster.url, 'if', first, { 'if-match': '*' })).status).toBe(412)
    expect((await put(cluster.url, 'if', first, { 'if-none-match': '*' })).status).toBe(201)
    for (const condition of [
      { 'if-none-match': '*' },
      { 'if-match': `"${sha256(second)}"` },
      { 'if-match': sha256(first) },
      { 'if-match': `W/"${sha256(first)}"` },
      { 'if-unmodified-since': 'Sat, 01 Jan 2000 00:00:00 GMT' },
    ])
      expect(await put(cluster.url, 'if', second, condition), JSON.stringify(condition)).toMatchObject({
        status: 412,
        code: 11,
      })
    expect((await get('if')).body.toString()).toBe('first')
    expect((await put(cluster.url, 'if', second, { 'if-match': `"x", "${sha256(first)}"` })).status).toBe(200)
    expect((await get('if')).body.toString()).toBe('second')
  })

  test('of many that may only create or only follow one version, exactly one has its way', async () => {
    const race = (version: string, headers: Record<string, string>) => {
      const bodies = Array.from({ length: 12 }, (_, number) => `${version} ${number}`)
      return Promise.all(
        bodies.map((body, number) => {
          const url = cluster.managers[number % 2]?.url ?? ''
          return put(url, 'race', Buffer.from(body), headers)
        }),
      )
    }
    const statuses = (answers: readonly { readonly status: number }[]) => answers.map(({ status }) => status).toSorted()
    const created = await race('first', { 'if-none-match': '*' })
    expect(statuses(created)).toEqual([201, ...Array(11).fill(412)])
    const first = await get('race')
    expect(first.body.toString()).toMatch(/^first/)
    const followed = await race('second', { 'if-match': first.headers.get('etag') ?? '' })
    expect(statuses(followed)).toEqual([200, ...Array(11).fill(412)])
    expect((await get('race')).body.toString()).toMatch(/^second/)
  })
})

describe('a digest', () => {
  const small = randomBytes(500)
  const large = randomBytes(5 * MIB)
  const wrong = digestOf(Buffer.from('something else'))
  const raw = (name: string, bytes: Uint8Array, headers: Record<string, string>) =>
    request(`${cluster.url}/upload?name=${name}`, { method: 'POST', body: Buffer.from(bytes), headers })

  test.each([
    ['Content-Digest', small],
    ['Content-Digest', large],
    ['Repr-Digest', small],
    ['Repr-Digest', large],
  ])('in %s that is right lets the file in', async (header, bytes) => {
    const right = { [header]: digestOf(bytes) }
    expect((await put(cluster.url, `digest/right-${header}-${bytes.length}`, bytes, right)).status).toBe(201)
    expect((await raw('right', bytes, right)).status).toBe(201)
  })

  test.each([
    ['wrong', wrong, 422, 7],
    ['wrong in one of two', `sha-512=:AAAA:, ${wrong}`, 422, 7],
    ['too short', 'sha-256=:AAAA:', 400, 5],
    ['no base64', 'sha-256=:???:', 400, 5],
    ['no dictionary', 'sha-256=', 400, 5],
    ['text', `sha-256="${'0'.repeat(64)}"`, 400, 5],
  ])('that is %s keeps the file out, and nothing of it stays', async (_, digest, status, code) => {
    for (const size of [700, 4 * MIB + 1]) {
      const bytes = randomBytes(size)
      const headers = { 'content-digest': digest }
      expect(await put(cluster.url, 'digest/wrong', bytes, headers)).toMatchObject({ status, code })
      expect((await get('digest/wrong')).status).toBe(404)
      expect(await raw('digest-wrong', bytes, headers)).toMatchObject({ status, code })
      const form = new FormData()
      form.append('file', new Blob([bytes]), 'digest-wrong')
      expect(await request(`${cluster.url}/upload`, { method: 'POST', body: form, headers })).toMatchObject({
        status,
        code,
      })
      await waitUntil('no copy is left', async () => {
        const copies = await copiesIn(cluster.directories)
        return !copies.some((path) => path.includes(sha256(bytes.subarray(0, 4 * MIB))))
      })
    }
    const listed = await request(`${cluster.url}/files?shares=true&prefix=digest-wrong`)
    expect(jsonOf(listed)).toEqual({ files: [], next: null })
  })

  test('that is wrong leaves what was there', async () => {
    await put(cluster.url, 'digest/kept', small)
    expect((await put(cluster.url, 'digest/kept', large, { 'content-digest': wrong })).status).toBe(422)
    expect((await get('digest/kept')).body.equals(small)).toBe(true)
  })

  test('of another algorithm says nothing', async () => {
    expect((await put(cluster.url, 'digest/other', small, { 'content-digest': 'sha-512=:AAAA:' })).status).toBe(201)
  })
})

describe('invariant 4: while one name is put again and again', () => {
  const makeVersion = (number: number): Buffer => Buffer.alloc(4 * MIB + 1_000 + number, number)

  test('twenty readers get one version whole each, or a connection that breaks', async () => {
    await put(cluster.url, 'loop', makeVersion(0))
    let isOver = false
    let count = 0
    const writers = [0, 1].map(async (manager) => {
      for (let number = manager + 1; !isOver; number += 2) {
        const answer = await put(cluster.managers[manager]?.url ?? '', 'loop', makeVersion(number % 250))
        if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body}`)
        count++
      }
    })
    const seen = new Set<string>()
    const readers = Array.from({ length: 20 }, async (_, reader) => {
      for (let round = 0; round < 3; round++) {
        const url = `${cluster.managers[reader % 2]?.url}/file/loop`
        const answer = await request(url).catch(() => null)
        if (answer === null) continue
        expect(answer.status).toBe(200)
        expect(`"${sha256(answer.body)}"`).toBe(answer.headers.get('etag'))
        const version = answer.body[0] ?? -1
        expect(answer.body.equals(makeVersion(version))).toBe(true)
        seen.add(String(version))
      }
    })
    try {
      await Promise.all(readers)
    } finally {
      isOver = true
    }
    await Promise.all(writers)
    expect(count).toBeGreaterThan(1)
    expect(seen.size).toBeGreaterThan(1)
    const left = jsonOf<{ files: unknown[] }>(await request(`${cluster.url}/files?prefix=loop`))
    expect(left.files).toHaveLength(1)
  })
})
