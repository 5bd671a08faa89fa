import { createHash, randomBytes } from 'node:crypto'
import { get } from 'node:http'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { bdecode } from '../cluster/bdecode.ts'
import { type Answer, request, upload } from '../cluster/http.ts'
import { infoIn } from '../cluster/info-in.ts'
import { TestCluster } from '../cluster/test-cluster.ts'
import { waitUntil } from '../cluster/wait-until.ts'

let cluster: TestCluster
beforeAll(async () => {
  cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), managers: 2 })
})
afterAll(() => cluster?.[Symbol.asyncDispose]())

const put = (name: string, bytes: Uint8Array) =>
  request(`${cluster.url}/file/${name}`, { method: 'PUT', body: Buffer.from(bytes) })

function piecesOf(bytes: Buffer, pieceLength: number): string {
  const digests = []
  for (let start = 0; start < bytes.length; start += pieceLength)
    digests.push(
      createHash('sha1')
        .update(bytes.subarray(start, start + pieceLength))
        .digest(),
    )
  return Buffer.concat(digests).toString('latin1')
}

const infoHashIn = (torrent: Buffer) => createHash('sha1').update(infoIn(torrent)).digest()

async function announce(url: string, infoHash: Buffer, port: number) {
  const escaped = [...infoHash].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
  const target = `${url}/announce?info_hash=${escaped}&peer_id=${'x'.repeat(20)}&port=${port}&left=1`
  return bdecode((await request(target)).body)
}

/** Downloads as a client does that knows a web seed alone (BEP 19), piece by piece. */
async function downloadFromWebSeed(torrent: Buffer): Promise<Buffer> {
  const { info, 'url-list': seeds } = bdecode(torrent)
  const pieces: Buffer[] = []
  for (let start = 0; start < info.length; start += info['piece length']) {
    const end = Math.min(info.length, start + info['piece length'])
    const { status, body } = await request(seeds[0], { headers: { range: `bytes=${start}-${end - 1}` } })
    expect(status).toBe(206)
    const expected = info.pieces.slice(20 * pieces.length, 20 * pieces.length + 20)
    expect(createHash('sha1').update(body).digest().toString('latin1')).toBe(expected)
    pieces.push(body)
  }
  return Buffer.concat(pieces)
}

test('a stored file is downloaded by its torrent, and its torrent is tracked', async () => {
  const bytes = randomBytes(9 * 1024 ** 2 + 5)
  expect((await put('films/für%20elise.bin', bytes)).status).toBe(201)
  const { status, headers, body } = await request(`${cluster.url}/file/films/für%20elise.bin?torrent`)
  expect(status).toBe(200)
  expect(headers.get('content-type')).toBe('application/x-bittorrent')
  expect(headers.get('content-disposition')).toContain('elise.bin.torrent')
  const torrent = bdecode(body)
  expect(torrent.info).toEqual({
    ...{ length: bytes.length, name: Buffer.from('für elise.bin').toString('latin1'), 'piece length': 262_144 },
    pieces: piecesOf(bytes, 262_144),
  })
  const { host } = new URL(cluster.url)
  expect(torrent['announce-list']).toEqual([[`${cluster.url}/announce`], [`udp://${host}`]])
  expect((await downloadFromWebSeed(body)).equals(bytes)).toBe(true)

  const [first, second] = [torrent.announce.replace('/announce', ''), cluster.managers[1]?.url ?? '']
  expect(await announce(first, infoHashIn(body), 6_881)).toMatchObject({ incomplete: 1 })
  await waitUntil('the other manager tells of the peer', async () => {
    const answer = await announce(second, infoHashIn(body), 6_882)
    return answer.incomplete === 2 || answer
  })
  expect(Object.keys(await announce(first, randomBytes(20), 6_881))).toEqual(['failure reason'])
})

test('every manager makes the same torrent but for its own address, and keeps it when the file is renamed', async () => {
  const { body } = await put('same.bin', randomBytes(600_000))
  const { id } = JSON.parse(body.toString())
  const answers = await Promise.all(cluster.managers.map(({ url }) => request(`${url}/torrent/${id}`)))
  const hashes = answers.map((answer) => infoHashIn(answer.body).toString('hex'))
  expect(new Set(hashes).size).toBe(1)
  const headers = { 'content-type': 'application/json' }
  const change = { method: 'POST', headers, body: JSON.stringify({ name: 'renamed.bin' }) }
  expect((await request(`${cluster.url}/files/${id}`, change)).status).toBe(200)
  const renamed = await request(`${cluster.url}/file/renamed.bin?torrent=1`)
  expect(infoHashIn(renamed.body).toString('hex')).toBe(hashes[0])
  expect(bdecode(renamed.body)['url-list']).toEqual([`${cluster.url}/file/renamed.bin`])
  expect(await downloadFromWebSeed(renamed.body)).toHaveLength(600_000)
})

test('a replaced file has another torrent', async () => {
  const hashOf = (answer: Answer) => infoHashIn(answer.body).toString('hex')
  await put('replaced.bin', Buffer.from('one'))
  const first = hashOf(await request(`${cluster.url}/file/replaced.bin?torrent`))
  await put('replaced.bin', Buffer.from('two'))
  expect(hashOf(await request(`${cluster.url}/file/replaced.bin?torrent`))).not.toBe(first)
})

test('a file with a link has a torrent at that link, and one of class single too', async () => {
  const bytes = randomBytes(300_000)
  const shared = await request(`${cluster.url}/upload?name=shared.bin`, { method: 'POST', body: bytes })
  const { id, url } = JSON.parse(shared.body.toString())
  const { body } = await request(`${cluster.url}/torrent/${id}`)
  expect(bdecode(body)['url-list']).toEqual([cluster.url + url])
  expect((await downloadFromWebSeed(body)).equals(bytes)).toBe(true)
  const magnet = (await request(`${cluster.url}/torrent/${id}?magnet`)).body.toString()
  expect(magnet).toContain(`magnet:?xt=urn:btih:${infoHashIn(body).toString('hex')}&dn=shared.bin`)

  await upload(cluster.url, 'single.bin', bytes)
  const single = await request(`${cluster.url}/file/single.bin?torrent`)
  expect((await downloadFromWebSeed(single.body)).equals(bytes)).toBe(true)
})

test('a hybrid is another torrent of the same pieces, and both of its swarms are tracked', async () => {
  const bytes = randomBytes(700_000)
  const { body } = await put('films/both.bin', bytes)
  const { id } = JSON.parse(body.toString())
  const first = await request(`${cluster.url}/torrent/${id}`)
  const hybrid = await request(`${cluster.url}/file/films/both.bin?torrent&version=hybrid`)
  const { info, ...rest } = bdecode(hybrid.body)
  const root = info['file tree']['both.bin']['']['pieces root']
  expect(info).toEqual({
    ...bdecode(first.body).info,
    'file tree': { 'both.bin': { '': { length: bytes.length, 'pieces root': root } } },
    'meta version': 2,
  })
  expect(rest['piece layers'][root]).toHaveLength(3 * 32)
  expect((await downloadFromWebSeed(hybrid.body)).equals(bytes)).toBe(true)

  const secondHash = createHash('sha256').update(infoIn(hybrid.body)).digest()
  for (const hash of [infoHashIn(first.body), infoHashIn(hybrid.body), secondHash.subarray(0, 20)])
    expect(await announce(cluster.url, hash, 6_881)).toMatchObject({ incomplete: 1 })
  const magnet = (await request(`${cluster.url}/torrent/${id}?version=hybrid&magnet`)).body.toString()
  const [v1, v2] = [infoHashIn(hybrid.body).toString('hex'), secondHash.toString('hex')]
  expect(magnet).toContain(`magnet:?xt=urn:btih:${v1}&xt=urn:btmh:1220${v2}&dn=both.bin`)
  const torrentOfIt = new URL(magnet).searchParams.get('xs') ?? ''
  expect((await request(torrentOfIt)).body.equals(hybrid.body)).toBe(true)
  // What was handed out before is what it was.
  expect((await request(`${cluster.url}/torrent/${id}?version=1`)).body.equals(first.body)).toBe(true)
  expect(await request(`${cluster.url}/torrent/${id}?version=2`)).toMatchObject({ status: 400, code: 5 })
})

test('there is no torrent of nothing', async () => {
  await put('empty.bin', Buffer.alloc(0))
  expect(await request(`${cluster.url}/file/empty.bin?torrent`)).toMatchObject({ status: 400, code: 5 })
  expect(await request(`${cluster.url}/file/absent.bin?torrent`)).toMatchObject({ status: 404, code: 2 })
  for (const id of ['x', '0'.repeat(24), '0'.repeat(32)])
    expect(await request(`${cluster.url}/torrent/${id}`)).toMatchObject({ status: 404, code: 2 })
})

test('PUBLIC_URL is the address that torrents name, and one that may be asked for', async () => {
  const { body } = await put('named.bin', randomBytes(1_000))
  const { id } = JSON.parse(body.toString())
  // File-servers do not know the other manager, which finds the hashes of the pieces.
  expect((await request(`${cluster.url}/torrent/${id}`)).status).toBe(200)
  const manager = cluster.startManagerProcess({
    ...{ MANAGER_URL: 'http://manager:8000', PUBLIC_URL: 'https://files.example.test' },
  })
  try {
    const { url } = await manager.line((line) => line.message === 'manager started')
    const { port } = new URL(String(url))
    const statusFor = (host: string) =>
      new Promise((resolve, reject) => {
        const asked = get({ host: '127.0.0.1', port, path: '/health', headers: { host } }, (response) =>
          resolve(response.resume().statusCode),
        )
        asked.on('error', reject)
      })
    const answer = await request(`http://127.0.0.1:${port}/torrent/${id}`)
    expect(answer.status, answer.body.toString()).toBe(200)
    const torrent = bdecode(answer.body)
    expect([torrent.announce, torrent['url-list']]).toEqual([
      'https://files.example.test/announce',
      ['https://files.example.test/file/named.bin'],
    ])
    expect([await statusFor('files.example.test'), await statusFor('other.example.test')]).toEqual([200, 403])
  } finally {
    await manager.kill()
  }
})
