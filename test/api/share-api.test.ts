import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { copiesIn } from '../cluster/disk.ts'
import { request } from '../cluster/http.ts'
import { type Described, jsonOf, sha256, share } from '../cluster/shares.ts'
import { TestCluster } from '../cluster/test-cluster.ts'
import { waitUntil } from '../cluster/wait-until.ts'

const run = promisify(execFile)
const MIB = 1024 * 1024
const json = { 'content-type': 'application/json' }

let cluster: TestCluster
beforeAll(async () => {
  cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl') })
})
afterAll(() => cluster[Symbol.asyncDispose]())

async function curl(...args: string[]): Promise<Described & Record<string, unknown>> {
  const { stdout } = await run('curl', ['-sS', '-m', '20', ...args])
  return JSON.parse(stdout)
}
async function fileOf(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(cluster.directory, name)
  await writeFile(path, bytes)
  return path
}
const upload = () => `${cluster.url}/upload`
const read = (file: Pick<Described, 'url'>, headers: Record<string, string> = {}) =>
  request(cluster.url + file.url, { headers })
const copiesOf = async (bytes: Uint8Array) =>
  (await copiesIn(cluster.directories)).filter((path) => path.endsWith(`-${sha256(bytes)}`))
const labels = async (prefix: string): Promise<string[]> => {
  const { files } = jsonOf<{ files: Described[] }>(await request(`${cluster.url}/files?shares=true&prefix=${prefix}`))
  return files.map(({ name }) => name)
}

describe('an upload', () => {
  test('is described, kept on two file-servers and opened by its link', async () => {
    const bytes = randomBytes(5_000)
    const file = await curl('-F', `file=@${await fileOf('one.bin', bytes)}`, upload())
    expect(file).toEqual({
      ...{ id: expect.stringMatching(/^[0-9a-f]{32}$/), name: 'one.bin', size: 5_000, class: 'replicated' },
      ...{ etag: `"${sha256(bytes)}"`, sha256: sha256(bytes), contentType: 'application/octet-stream' },
      ...{ url: `/download/${file.id}`, uploadedAt: expect.any(String), expiresAt: null },
    })
    expect((await read(file)).body.equals(bytes)).toBe(true)
    await waitUntil('it is on two file-servers', async () => (await copiesOf(bytes)).length === 2)
  })

  test('of several files in one form is answered by a list in their order', async () => {
    const all = [randomBytes(5), randomBytes(4 * MIB + 5), Buffer.alloc(0), randomBytes(300_000)]
    const paths = await Promise.all(all.map((bytes, number) => fileOf(`several-${number}`, bytes)))
    const files: unknown = await curl(...paths.flatMap((path) => ['-F', `file=@${path}`]), upload())
    expect(files).toMatchObject(all.map((bytes, number) => ({ name: `several-${number}`, sha256: sha256(bytes) })))
    for (const [number, file] of (files as Described[]).entries())
      expect((await read(file)).body.equals(all[number] as Buffer)).toBe(true)
  })

  test('of a body as it is has the label that the query or the Content-Disposition gives, or a made one', async () => {
    const path = await fileOf('raw.txt', Buffer.from('grüße'))
    const raw = ['--data-binary', `@${path}`]
    expect(await curl(...raw, `${upload()}?name=a%20b.txt`)).toMatchObject({ name: 'a b.txt', size: 7 })
    const disposition = 'Content-Disposition: attachment; filename="dir/named.txt"'
    expect(await curl(...raw, '-H', disposition, upload())).toMatchObject({ name: 'named.txt', size: 7 })
    const made = await curl(...raw, '-H', 'Content-Type: text/plain', upload())
    expect(made.name).toMatch(/^upload-\d{8}T\d{6}Z\.txt$/)
    expect((await read(made)).body.toString()).toBe('grüße')
    expect(await curl('-T', path, '-X', 'POST', upload())).toMatchObject({ size: 7 })
  })

  test('of a form with base64 is decoded', async () => {
    const file = await curl('-d', 'filename=form.txt', '--data-urlencode', 'file=aGFsbG8=', upload())
    expect(file).toMatchObject({ name: 'form.txt', size: 5 })
    expect((await read(file)).body.toString()).toBe('hallo')
    // What `curl -d` sends is no form of ours, and nothing names it.
    expect(await curl('-d', 'hallo', upload())).toMatchObject({ code: 5 })
  })

  test('may ask for one copy', async () => {
    const bytes = randomBytes(9_000)
    expect(await share(cluster.url, 'single', bytes, '&class=single')).toMatchObject({ class: 'single' })
    expect(await copiesOf(bytes)).toHaveLength(1)
  })

  test('has a label that others may have, and a link that nobody else has', async () => {
    const [first, second] = [
      await share(cluster.url, 'same', Buffer.from('1')),
      await share(cluster.url, 'same', Buffer.from('2')),
    ]
    expect([first.name, second.name, first.id === second.id]).toEqual(['same', 'same', false])
    expect((await Promise.all([read(first), read(second)])).map(({ body }) => body.toString())).toEqual(['1', '2'])
    expect((await request(`${cluster.url}/file/same`)).status).toBe(404)
  })

  test('is stored once, however often it is sent with the same link', async () => {
    const bytes = randomBytes(300_000)
    const id = randomBytes(16).toString('hex')
    const send = (link: string) => request(`${upload()}?name=mine&link=${link}`, { method: 'POST', body: bytes })
    const atOnce = await Promise.all([send(id), send(id)])
    expect(atOnce.map(({ status }) => status).sort()).toEqual([201, 409])
    const again = await send(id)
    expect([again.status, again.code]).toEqual([409, 3])
    expect((await read({ url: `/download/${id}` })).body.equals(bytes)).toBe(true)
    expect(await labels('mine')).toEqual(['mine'])
    await waitUntil('the others are gone', async () => (await copiesOf(bytes)).length === 2)
    expect((await send('0123')).status).toBe(400)
    expect(await curl('-F', 'file=x', `${upload()}?link=${id}`)).toMatchObject({ code: 5 })
  })
})

describe('a download', () => {
  const bytes = randomBytes(9 * MIB)
  let file: Described
  beforeAll(async () => {
    file = await share(cluster.url, 'nine.bin', bytes)
  })

  test.each([
    ['over the border of two chunks', 4 * MIB - 5, 4 * MIB + 5],
    ['of one chunk and no more', 4 * MIB, 8 * MIB],
    ['over three chunks', 4 * MIB - 1, 8 * MIB + 1],
    ['of the last byte', 9 * MIB - 1, 9 * MIB],
  ])('gives a range %s', async (_, start, end) => {
    const part = await read(file, { range: `bytes=${start}-${end - 1}` })
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes ${start}-${end - 1}/${9 * MIB}`])
    expect(part.body.equals(bytes.subarray(start, end))).toBe(true)
  })

  test('gives the end, and says where there is no such range', async () => {
    const end = await read(file, { range: 'bytes=-10' })
    expect([end.status, end.body.equals(bytes.subarray(-10))]).toEqual([206, true])
    const beyond = await read(file, { range: `bytes=${9 * MIB}-` })
    expect([beyond.status, beyond.code, beyond.headers.get('content-range')]).toEqual([416, 12, `bytes */${9 * MIB}`])
  })

  test('goes on with If-Range, and begins anew where the tag is another', async () => {
    const range = 'bytes=100-'
    const same = await read(file, { range, 'if-range': file.etag })
    expect([same.status, same.body.equals(bytes.subarray(100))]).toEqual([206, true])
    const other = await read(file, { range, 'if-range': `"${'0'.repeat(64)}"` })
    expect([other.status, other.body.equals(bytes)]).toEqual([200, true])
  })

  test('answers conditions and HEAD', async () => {
    const known = await read(file, { 'if-none-match': file.etag })
    expect([known.status, known.body.length, known.headers.get('etag')]).toEqual([304, 0, file.etag])
    expect(await read(file, { 'if-match': '"other"' })).toMatchObject({ status: 412, code: 11 })
    const head = await request(cluster.url + file.url, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length'), head.body.length]).toEqual([200, String(9 * MIB), 0])
    const modified = head.headers.get('last-modified') ?? ''
    expect((await read(file, { 'if-modified-since': modified })).status).toBe(304)
  })

  test('takes nothing but a link', async () => {
    const stored = await request(`${cluster.url}/file/with-path`, { method: 'PUT', body: 'x' })
    const { id } = jsonOf<{ id: string }>(stored)
    const targets = [
      id,
      file.id.toUpperCase(),
      file.id.slice(1),
      `${file.id}0`,
      '0'.repeat(32),
      '__proto__',
      '%00',
      '%ff',
    ]
    for (const target of [...targets, '..%2f..%2fetc%2fpasswd', `${file.id}%2f`, `%20${file.id}`])
      expect(await request(`${cluster.url}/download/${target}`), target).toMatchObject({ status: 404, code: 2 })
  })

  test("acts in nobody's name, whatever the file holds", async () => {
    const page = Buffer.from('<script>alert(1)</script>')
    for (const [name, type] of [
      ['page.html', 'text/html'],
      ['image.svg', 'image/svg+xml'],
      ['no-name-for-it', 'text/html'],
    ] as const) {
      const shared = await share(cluster.url, name, page)
      const change = { method: 'PATCH', headers: json, body: JSON.stringify({ contentType: type }) }
      expect((await request(`${cluster.url}/files/${shared.id}`, change)).status).toBe(200)
      const { headers } = await read(shared)
      expect(headers.get('content-type')).toBe(type)
      expect(headers.get('content-disposition')).toMatch(/^attachment/)
      expect(headers.get('content-security-policy')).toBe("sandbox; default-src 'none'")
      expect(headers.get('x-content-type-options')).toBe('nosniff')
    }
  })
})

describe('a file that expires', () => {
  test('is gone then, in every place, and its path is free', async () => {
    const before = Date.now()
    const put = (body: string, query: string, headers = {}) =>
      request(`${cluster.url}/file/expiring${query}`, { method: 'PUT', body, headers })
    const shared = await share(cluster.url, 'expiring', Buffer.from('x'), '&expires=6s')
    const { id } = jsonOf<{ id: string }>(await put('first', '?expires=6s'))
    expect(Date.parse(shared.expiresAt ?? '') - before).toBeGreaterThanOrEqual(6_000)
    expect((await read(shared)).status).toBe(200)
    expect((await put('second', '', { 'if-none-match': '*' })).status).toBe(412)
    await waitUntil('it is gone', async () => (await request(`${cluster.url}/file/expiring`)).status === 404)
    for (const path of [shared.url, `/files/${shared.id}`, `/files/${id}`])
      expect((await request(cluster.url + path)).status, path).toBe(404)
    expect(await labels('expiring')).toEqual([])
    const listed = await request(`${cluster.url}/files?prefix=expiring`)
    expect(jsonOf(listed)).toEqual({ files: [], next: null })
    expect((await put('second', '', { 'if-none-match': '*' })).status).toBe(201)
    expect((await request(`${cluster.url}/file/expiring`)).body.toString()).toBe('second')
  })

  test('may say so in the form, and must say it rightly', async () => {
    const path = await fileOf('kept', Buffer.from('x'))
    const file = await curl('-F', 'expires=2h', '-F', `file=@${path}`, upload())
    expect(Date.parse(file.expiresAt ?? '') - Date.now()).toBeGreaterThan(7_100_000)
    for (const expires of ['soon', '2001-01-01', '-1s', '0s', '1000000w'])
      expect(await curl('-F', `file=@${path}`, `${upload()}?expires=${expires}`), expires).toMatchObject({ code: 5 })
  })
})

describe('a form that fails', () => {
  const part = (name: string) => `--b\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\n\r\n`
  const post = (body: string | Buffer, headers: Record<string, string> = {}) =>
    request(upload(), {
      ...{ method: 'POST', body: Buffer.from(body as string, 'latin1') },
      headers: { 'content-type': 'multipart/form-data; boundary=b', ...headers },
    })

  test('in its last file leaves none of the files before it, and no bytes', async () => {
    const first = randomBytes(6_000)
    const body = `${part('leaves-1')}${first.toString('latin1')}\r\n${part('leaves-2')}y\r\n${part('leaves/')}z\r\n--b--\r\n`
    const refused = await post(body)
    expect([refused.status, refused.code]).toEqual([400, 5])
    expect(await labels('leaves')).toEqual([])
    await waitUntil('no copy is left', async () => (await copiesOf(first)).length === 0)
  })

  test('at the end of a hundred files leaves none of them', async () => {
    const body = Array.from({ length: 100 }, (_, number) => `${part(`many-${number}`)}x\r\n`).join('')
    expect(await post(body)).toMatchObject({ status: 400, code: 5 })
    expect(await labels('many')).toEqual([])
  })

  test('because it has ten thousand parts leaves none', async () => {
    const field = '--b\r\nContent-Disposition: form-data; name="field"\r\n\r\nx\r\n'
    const refused = await post(`${part('parts-1')}x\r\n${field.repeat(10_000)}--b--\r\n`)
    expect([refused.status, jsonOf<{ detail: string }>(refused).detail]).toEqual([
      400,
      'the multipart body has too many parts',
    ])
    expect(await labels('parts')).toEqual([])
  })

  test('because its client hangs up leaves none', async () => {
    const { hostname, port } = new URL(cluster.url)
    const socket = connect(Number(port), hostname)
    const head = `POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 9000000\r\n\r\n`
    socket.write(`${head}${part('hangs-1')}one\r\n${part('hangs-2')}${'y'.repeat(600_000)}`)
    await waitUntil('the first file is there', async () => (await labels('hangs')).length === 1)
    socket.destroy()
    await waitUntil('none is left', async () => (await labels('hangs')).length === 0)
  })

  test.each([
    ['has another digest', { 'content-digest': `sha-256=:${Buffer.alloc(32).toString('base64')}:` }, 422],
    ['has a digest that cannot be read', { 'content-digest': 'sha-256=:AAAA:' }, 400],
    ['names no boundary', { 'content-type': 'multipart/form-data' }, 400],
    ['is compressed', { 'content-encoding': 'gzip' }, 415],
  ])('because it %s leaves none', async (_, headers, status) => {
    const body = `${part('digest-1')}x\r\n${part('digest-2')}${'y'.repeat(600_000)}\r\n--b--\r\n`
    expect((await post(body, headers)).status).toBe(status)
    expect(await labels('digest')).toEqual([])
  })
})

test('names of files in a form are labels and nothing more', async () => {
  const marks = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "';alert(1)//",
    '{{7*7}}',
    'javascript:alert(1)',
  ]
  const names = marks.flatMap((mark) =>
    ['', '.html', '.svg', '.txt', '.png'].map((end) => `${mark.replaceAll('/', '|')}${end}`),
  )
  const form = new FormData()
  for (const name of names) form.append('file', new Blob(['<b>x</b>']), name)
  const answer = await request(upload(), { method: 'POST', body: form })
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
  const files = jsonOf<Described[]>(answer)
  expect(files.map(({ name }) => name)).toEqual(names)
  for (const file of files) {
    const { status, headers } = await read(file)
    expect(status).toBe(200)
    expect(headers.get('content-security-policy')).toBe("sandbox; default-src 'none'")
    if (!/^(image\/png|text\/plain)/.test(headers.get('content-type') ?? ''))
      expect(headers.get('content-disposition'), file.name).toMatch(/^attachment/)
  }
})

test.each([
  ['turns the direction of writing', '%E2%80%AEgpj.exe', 400],
  ['holds a line break', 'a%0D%0ASet-Cookie:x', 400],
  ['holds a zero', 'a%00', 400],
  ['is two dots', '..', 400],
  ['is empty', '', 400],
  ['is a folder', 'x%2F', 400],
  ['has 256 bytes', 'x'.repeat(256), 400],
  ['has 255 bytes', 'x'.repeat(255), 201],
  ['has 128 characters of two bytes', '%C3%BC'.repeat(128), 400],
  ['climbs', '..%2F..%2Fetc%2Fpasswd', 201],
  ['is given twice', 'a&name=b', 400],
])('a label that %s is answered with a status of its own', async (_, name, status) => {
  const answer = await request(`${upload()}?name=${name}`, { method: 'POST', body: 'x' })
  expect(answer.status).toBe(status)
  if (status === 201) expect(jsonOf<Described>(answer).name).not.toContain('/')
})

test.each([
  ['GET', '/upload', 'POST'],
  ['DELETE', '/upload', 'POST'],
  ['POST', `/download/${'0'.repeat(32)}`, 'HEAD, GET'],
  ['DELETE', `/download/${'0'.repeat(32)}`, 'HEAD, GET'],
  ['POST', '/files', 'HEAD, GET'],
  ['PUT', '/files/x', 'HEAD, GET, POST, PATCH, DELETE'],
  ['PATCH', '/file/x', 'PUT, HEAD, GET, DELETE'],
])('%s of %s is 405, and told what is allowed', async (method, path, allowed) => {
  const answer = await request(cluster.url + path, { method })
  expect([answer.status, answer.headers.get('allow')]).toEqual([405, allowed])
})
