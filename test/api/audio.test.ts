import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { request, upload } from '../cluster/http.ts'
import { TestCluster } from '../cluster/test-cluster.ts'
import { waitUntil } from '../cluster/wait-until.ts'

const run = promisify(execFile)
const filesUrl = new URL('../../manager/test/audio/files/', import.meta.url)
const bytesOf = (file: string): Buffer => readFileSync(fileURLToPath(new URL(file, filesUrl)))

let cluster: TestCluster
let directory: string
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-audio-'))
  cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), managers: 1, fileServers: 2 })
})
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  await cluster[Symbol.asyncDispose]()
})

interface Track {
  readonly name: string
  readonly [field: string]: unknown
}

const endlessTag = Buffer.from('ID3\x03\0\0\x7f\x7f\x7f\x7f', 'latin1')
const post = (body: Buffer, query = '') =>
  request(`${cluster.url}/post${query}`, { method: 'POST', body: new Uint8Array(body) })
const read = async <Answer = Track>(target: string): Promise<Answer> => {
  const { status, body } = await request(`${cluster.url}${target}`)
  expect([status, status === 200 ? '' : body.toString()]).toEqual([200, ''])
  return JSON.parse(body.toString()) as Answer
}
const namesIn = async (query: string): Promise<string[]> =>
  (await read<{ files: Track[] }>(`/list?${query}`)).files.map(({ name }) => name)

test("the document's own curl lines work", async () => {
  writeFileSync(join(directory, 'myfile.wav'), bytesOf('sine.wav'))
  // Only the port is another one.
  const sh = async (line: string): Promise<string> => {
    const command = line.replace('http://localhost:8000', cluster.url.replace('127.0.0.1', 'localhost'))
    return (await run('sh', ['-c', command], { cwd: directory })).stdout
  }
  const raw = JSON.parse(await sh('curl -X POST --data-binary @myfile.wav http://localhost:8000/post')) as Track
  expect(raw.name).toMatch(/^Tester - Sine [0-9a-f]{8}\.wav$/)
  const form = JSON.parse(await sh('curl -X POST -F file=@myfile.wav http://localhost:8000/post')) as Track
  expect(form).toMatchObject({ name: 'myfile.wav', duration: 1.5 })
  await sh('curl --output test.wav http://localhost:8000/download?name=myfile.wav')
  expect(readFileSync(join(directory, 'test.wav'))).toEqual(bytesOf('sine.wav'))
  const list = JSON.parse(await sh('curl http://localhost:8000/list?maxduration=300')) as { files: Track[] }
  // The verdicts may have come meanwhile.
  const told = (tracks: Track[]) => tracks.map((track) => ({ ...track, verdict: '' }))
  expect(told(list.files)).toEqual(told([raw, form]))
  const info = JSON.parse(await sh('curl http://localhost:8000/info?name=myfile.wav')) as Track
  expect(told([info])).toEqual(told([form]))
})

test.each([
  ['random bytes that are named .mp3', () => randomBytes(50_000), 415, 8],
  ['no bytes', () => Buffer.alloc(0), 415, 8],
  ['a text', () => Buffer.from('{"filename":"x","file":"aGk="}'), 415, 8],
  ['a zip', () => Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), bytesOf('cbr.mp3')]), 415, 8],
  ['a page with a song in it', () => Buffer.concat([Buffer.from('<html><script>'), bytesOf('cbr.mp3')]), 415, 8],
  ['a document with a song in it', () => Buffer.concat([Buffer.from('%PDF-1.7\n'), bytesOf('cbr.mp3')]), 415, 8],
  ['a song with a tag that never ends', () => Buffer.concat([endlessTag, bytesOf('cbr.mp3')]), 415, 8],
  ['half an MP4 file', () => bytesOf('sine.m4a').subarray(0, 4_000), 422, 22],
  ['a large MP4 file without a movie', () => largeWithoutMovie(), 422, 22],
] as const)('%s: the answer has the reason, and nothing is kept', async (what, bytesOfIt, status, code) => {
  const name = `${what}.mp3`
  const answer = await post(bytesOfIt(), `?name=${encodeURIComponent(name)}`)
  expect([answer.status, answer.code]).toEqual([status, code])
  expect(JSON.parse(answer.body.toString())).toMatchObject({ detail: expect.stringMatching(/^the (file|audio) /) })
  expect((await request(`${cluster.url}/file/${encodeURIComponent(name)}`)).status).toBe(404)
})

test('a form with one file that is no audio keeps none of its files', async () => {
  const form = new FormData()
  form.append('file', new Blob([new Uint8Array(bytesOf('sine.ogg'))]), 'good.ogg')
  form.append('file', new Blob([new Uint8Array(randomBytes(1_000))]), 'bad.ogg')
  const refused = await request(`${cluster.url}/post`, { method: 'POST', body: form })
  expect(refused.status).toBe(415)
  expect((await request(`${cluster.url}/info?name=good.ogg`)).status).toBe(404)
  form.set('file', new Blob([new Uint8Array(bytesOf('sine.ogg'))]), 'good.ogg')
  form.append('file', new Blob([new Uint8Array(bytesOf('sine.opus'))]), 'better.opus')
  const taken = await request(`${cluster.url}/post`, { method: 'POST', body: form })
  expect(JSON.parse(taken.body.toString())).toMatchObject([{ name: 'good.ogg' }, { name: 'better.opus' }])
})

test('the type is told from the bytes where the name says another', async () => {
  const answer = await post(bytesOf('sine.flac'), '?name=renamed.txt')
  expect(answer.status).toBe(201)
  expect(JSON.parse(answer.body.toString())).toMatchObject({ container: 'flac', contentType: 'audio/flac' })
})

test('a wave with a page in it is served as a wave, whatever it is called, and runs nowhere', async () => {
  const wave = bytesOf('sine.wav')
  const page = Buffer.from('<html><script>alert(1)</script>')
  const chunk = Buffer.concat([Buffer.from('junk'), Buffer.from([page.length + 1, 0, 0, 0]), page, Buffer.from(' ')])
  const both = Buffer.concat([wave.subarray(0, 12), chunk, wave.subarray(12)])
  both.writeUInt32LE(both.length - 8, 4)
  expect((await post(both, '?name=page.html')).status).toBe(201)
  const { body, headers } = await request(`${cluster.url}/download?name=page.html`)
  expect(body).toEqual(both)
  expect(Object.fromEntries(headers)).toMatchObject({
    'content-type': 'audio/wav',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "sandbox; default-src 'none'",
  })
})

test('a name that is taken is refused, and made names never collide', async () => {
  expect((await post(bytesOf('sine.mp3'), '?name=taken.mp3')).status).toBe(201)
  expect((await post(bytesOf('sine.mp3'), '?name=taken.mp3')).code).toBe(3)
  const answers = await Promise.all(Array.from({ length: 8 }, () => post(bytesOf('cbr.mp3'))))
  const names = answers.map(({ body }) => (JSON.parse(body.toString()) as Track).name)
  expect(new Set(names).size).toBe(8)
  expect(names[0]).toMatch(/^audio \d{8}T\d{6}Z [0-9a-f]{8}\.mp3$/)
})

test('audio is known whichever way it came, and other files are not', async () => {
  const long = Buffer.concat([bytesOf('sine.mp3'), ...Array.from({ length: 99 }, () => bytesOf('cbr.mp3'))])
  expect((await upload(cluster.url, 'way/json.flac', bytesOf('sine.flac'))).status).toBe(201)
  expect((await upload(cluster.url, 'way/long.mp3', long)).status).toBe(201)
  for (const [name, bytes] of [
    ['put.mp3', long],
    ['put.txt', Buffer.from('a text')],
    ['broken.m4a', bytesOf('sine.m4a').subarray(0, 4_000)],
  ] as const) {
    const body = new Uint8Array(bytes)
    expect((await request(`${cluster.url}/file/way/${name}`, { method: 'PUT', body })).status).toBe(201)
  }
  expect(await read('/info?name=way/json.flac')).toMatchObject({ codec: 'flac', duration: 1.5 })
  expect(await read('/info?name=way/long.mp3')).toMatchObject({ tags: { title: 'Sine' } })
  expect(await read('/info?name=way/put.mp3')).toMatchObject({ size: long.length })
  for (const name of ['put.txt', 'broken.m4a'])
    expect((await request(`${cluster.url}/info?name=way/${name}`)).code).toBe(2)
  expect(await namesIn('q=way&sort=-size')).toEqual(
    expect.arrayContaining(['way/long.mp3', 'way/put.mp3', 'way/json.flac']),
  )
})

test('a list is filtered, sorted and paged, and a bad value names its field', async () => {
  await post(bytesOf('sine.aac'), '?name=paged/1')
  await post(bytesOf('sine.wma'), '?name=paged/2')
  await post(bytesOf('sine.webm'), '?name=paged/3')
  expect(await namesIn('q=paged')).toEqual(['paged/1', 'paged/2', 'paged/3'])
  expect(await namesIn('q=paged&sort=-name&limit=2')).toEqual(['paged/3', 'paged/2'])
  const { next } = await read<{ next: string }>('/list?q=paged&sort=-name&limit=2')
  expect(await namesIn(`q=paged&sort=-name&limit=2&cursor=${next}`)).toEqual(['paged/1'])
  expect(await namesIn('q=paged&codec=wma')).toEqual(['paged/2'])
  expect(await namesIn('q=paged&minduration=1.55')).toEqual(['paged/1'])
  for (const query of ['maxduration=long', 'maxduration=', 'limit=0', 'sort=size;', 'since=soon', 'lossless=perhaps']) {
    const [field] = query.split('=')
    const { status, body } = await request(`${cluster.url}/list?${query}`)
    expect([status, JSON.parse(body.toString())]).toMatchObject([400, { detail: expect.stringMatching(`^${field}: `) }])
  }
  for (const query of ['maxdurations=300', `cursor=${next}`, 'cursor=e30', 'limit=1&limit=2'])
    expect((await request(`${cluster.url}/list?${query}`)).code, query).toBe(5)
})

test('a list is a playlist or a table where that is asked for', async () => {
  await post(bytesOf('sine.aiff'), '?name=lists/a,%22b%22.aiff')
  const m3u = await request(`${cluster.url}/list?format=m3u&q=lists`)
  expect(m3u.headers.get('content-type')).toContain('audio/x-mpegurl')
  const address = `${cluster.url}/download?name=${encodeURIComponent('lists/a,"b".aiff')}`
  expect(m3u.body.toString()).toBe(`#EXTM3U\n#EXTINF:2,Tester - Sine\n${address}\n`)
  expect((await request(address)).body).toEqual(bytesOf('sine.aiff'))
  const csv = await request(`${cluster.url}/list?format=csv&q=lists`)
  expect(csv.body.toString().split('\r\n')[1]).toMatch(/^"lists\/a,""b"".aiff",Sine,Tester,Tones,/)
  const first = await request(`${cluster.url}/list?format=csv&limit=1`)
  expect(first.headers.get('link')).toMatch(/^<\/list\?format=csv&limit=1&cursor=[\w-]+>; rel="next"$/)
})

test('a download by name has ranges and validators, and a cover has its own', async () => {
  await post(bytesOf('cover.mp3'), '?name=covered.mp3')
  const url = `${cluster.url}/download?name=covered.mp3`
  const part = await request(url, { headers: { range: 'bytes=10-19' } })
  expect([part.status, part.body]).toEqual([206, bytesOf('cover.mp3').subarray(10, 20)])
  expect((await request(url, { method: 'HEAD' })).headers.get('content-type')).toBe('audio/mpeg')
  expect((await request(`${cluster.url}/download?name=nobody`)).code).toBe(2)
  expect((await request(`${cluster.url}/download`)).code).toBe(5)
  const cover = await request(`${cluster.url}/info/cover?name=covered.mp3`)
  expect(cover.headers.get('content-type')).toBe('image/png')
  expect(cover.body.toString('latin1', 1, 4)).toBe('PNG')
  const etag = cover.headers.get('etag') ?? ''
  const again = await request(`${cluster.url}/info/cover?name=covered.mp3`, { headers: { 'if-none-match': etag } })
  expect(again.status).toBe(304)
  expect((await request(`${cluster.url}/info/cover?name=taken.mp3`)).code).toBe(2)
})

test('a file is decoded in the background, and then there is its verdict and its waveform', async () => {
  await post(bytesOf('sine.flac'), '?name=judged/whole.flac')
  await post(bytesOf('sine.flac').subarray(0, 9_000), '?name=judged/half.flac')
  await waitUntil('both are judged', async () => (await namesIn('q=judged&verdict=unknown')).length === 0, 150_000)
  expect(await namesIn('q=judged&verdict=ok')).toEqual(['judged/whole.flac'])
  expect(await read('/info?name=judged/half.flac')).toMatchObject({ verdict: 'damaged', reason: expect.any(String) })
  const url = `${cluster.url}/info/peaks?name=judged/whole.flac&buckets=10`
  const drawn = await request(url)
  expect(JSON.parse(drawn.body.toString())).toMatchObject({ version: 2, sample_rate: 8_000, bits: 8, length: 10 })
  const etag = drawn.headers.get('etag') ?? ''
  expect((await request(url, { headers: { 'if-none-match': etag } })).status).toBe(304)
  const dat = await request(`${url}&format=dat`)
  expect([dat.body.length, dat.body.readInt32LE(0), dat.body.readUInt32LE(16)]).toEqual([24 + 20, 2, 10])
  expect((await request(`${url}0000`)).code).toBe(5)
}, 90_000)

test('an operator sees the jobs, and retries none that has not failed', async () => {
  const jobs = await request(`${cluster.url}/jobs`)
  expect([jobs.status, Array.isArray(JSON.parse(jobs.body.toString()))]).toEqual([200, true])
  expect((await request(`${cluster.url}/jobs/check-audio-0/retry`, { method: 'POST' })).code).toBe(23)
  const proxied = await request(`${cluster.url}/jobs`, { headers: { via: '1.1 proxy' } })
  expect(proxied.status).toBe(401)
})

/** Its sizes are right, so that only what is missing is wrong. */
function largeWithoutMovie(): Buffer {
  const body = Buffer.alloc(5 * 1024 ** 2)
  const media = Buffer.alloc(8)
  media.writeUInt32BE(8 + body.length)
  media.write('mdat', 4, 'latin1')
  return Buffer.concat([bytesOf('sine.m4a').subarray(0, bytesOf('sine.m4a').readUInt32BE(0)), media, body])
}
