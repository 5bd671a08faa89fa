import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { access, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import mongoose from 'mongoose'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { bdecode } from '../cluster/bdecode.ts'
import { request } from '../cluster/http.ts'
import { jsonOf, put, sha256 } from '../cluster/shares.ts'
import { TestCluster } from '../cluster/test-cluster.ts'
import { TestPeer } from '../cluster/test-peer.ts'
import { waitUntil } from '../cluster/wait-until.ts'
import { countOf, testInFull } from '../full-run.ts'

let cluster: TestCluster
beforeAll(async () => {
  cluster = await TestCluster.start({
    mongoUrl: inject('mongoUrl'),
    fileServers: 2,
    managerEnvironment: { UDP_HEARTBEAT_EVERY_MS: '1000' },
  })
})
afterAll(() => cluster?.[Symbol.asyncDispose]())

/** A second of silence, as a WAVE file, with a title (RFC 2361; the chunk LIST INFO). */
function wave(title: string, samples: Buffer): Buffer {
  const text = Buffer.from(`${title}\0${title.length % 2 === 0 ? '\0' : ''}`)
  const chunk = (id: string, body: Buffer): Buffer => {
    const head = Buffer.alloc(8)
    head.write(id, 'latin1')
    head.writeUInt32LE(body.length, 4)
    return Buffer.concat([head, body])
  }
  const format = Buffer.alloc(16)
  format.writeUInt16LE(1, 0)
  format.writeUInt16LE(1, 2)
  format.writeUInt32LE(8_000, 4)
  format.writeUInt32LE(8_000, 8)
  format.writeUInt16LE(1, 12)
  format.writeUInt16LE(8, 14)
  const tags = chunk('LIST', Buffer.concat([Buffer.from('INFO'), chunk('INAM', text)]))
  return chunk('RIFF', Buffer.concat([Buffer.from('WAVE'), chunk('fmt ', format), tags, chunk('data', samples)]))
}

test('one user publishes songs, and another finds one and loads it over UDP, although the tracker is restarted', async () => {
  await using alice = await TestPeer.make(cluster.url)
  await using bob = await TestPeer.make(cluster.url)
  const song = wave('Feeling Good', randomBytes(600_000))
  await mkdir(alice.path('music/jazz'), { recursive: true })
  await writeFile(alice.path('music/jazz/one.wav'), song)
  await writeFile(alice.path('music/two.wav'), wave('Other', randomBytes(10_000)))
  await writeFile(alice.path('music/notes.txt'), 'no song')

  const online = await alice.run()
  expect(await alice.do('share', 'music')).toMatchObject({ code: 0, out: expect.stringContaining('2 songs in') })
  await cluster.restartManager()
  await waitUntil('the song is found', async () => {
    const answer = await request(`${cluster.url}/search?song=feeling`)
    return jsonOf<{ results: unknown[] }>(answer).results.length === 1 || answer.body.toString()
  })
  const found = await bob.do('search', 'feeling')
  expect(found).toMatchObject({ code: 0, errors: '' })
  expect(found.out).toMatch(/^[0-9a-f-]{36} {2}\? - Feeling Good {2}\(75 s, \d+ bytes, 1 user\)\n$/)

  const [id = ''] = found.out.split(' ')
  expect(await bob.do('get', id, 'mine.wav')).toMatchObject({ code: 0, out: 'SUCCESSFUL DOWNLOAD\n' })
  expect((await readFile(bob.path('mine.wav'))).equals(song)).toBe(true)
  const { checksum } = jsonOf<{ checksum: string }>(await request(`${cluster.url}/download?id=${id}`))
  expect(checksum).toMatch(new RegExp(`^sha256:${sha256(song)}\\.btih:[0-9a-f]{40}$`))
  // The same again changes nothing.
  expect(await bob.do('get', id, 'mine.wav')).toMatchObject({ code: 0, out: 'SUCCESSFUL DOWNLOAD\n' })
  // Heartbeats are a second apart, so whoever did not answer them is offline by now.
  expect((await bob.do('list')).out).toContain('mine.wav')
  expect(online.isRunning).toBe(true)
  expect(await alice.do('stop')).toMatchObject({ code: 0, out: 'the peer ends\n' })
  expect(await online.outcome).toMatchObject({ code: 0 })
})

test.each([['json'], ['torrent']].slice(0, countOf(2, 1)))(
  'one uploads by a .%s and three download',
  async (ending) => {
    await using seeder = await TestPeer.make(cluster.url)
    const bytes = randomBytes(3_000_000)
    await writeFile(seeder.path('film.bin'), bytes)
    const online = await seeder.run()
    online.type(`upload film.bin "film of mine.${ending}"`)
    await online.says('SUCCESSFUL UPLOAD')
    const torrent = seeder.path(`film of mine.${ending}`)
    if (ending === 'json') await cluster.restartManager()
    await using one = await TestPeer.make(cluster.url)
    await using two = await TestPeer.make(cluster.url)
    await using three = await TestPeer.make(cluster.url)
    const peers = [one, two, three]
    const outcomes = await Promise.all(peers.map((peer) => peer.do('download', torrent, 'got.bin')))
    for (const outcome of outcomes) expect(outcome).toMatchObject({ code: 0, out: 'SUCCESSFUL DOWNLOAD\n' })
    for (const peer of peers) expect((await readFile(peer.path('got.bin'))).equals(bytes)).toBe(true)
    // The same again changes nothing.
    expect(await one.do('download', torrent, 'got.bin')).toMatchObject({ code: 0, out: 'SUCCESSFUL DOWNLOAD\n' })
    expect(await seeder.do('upload', 'film.bin', torrent)).toMatchObject({ code: 0, out: 'SUCCESSFUL UPLOAD\n' })
    if (ending === 'json') {
      const { FileInfo } = JSON.parse(await readFile(torrent, 'utf8'))
      expect(Object.keys(FileInfo)).toEqual(['Size', 'PartSize', 'Parts', 'Hash'])
      expect(FileInfo).toMatchObject({ Size: bytes.length, PartSize: 262_144 })
    }
  },
)

testInFull(
  'the tracker is killed while three download: nobody is lost, all finish, and a fourth one finds them all',
  async () => {
    await using seeder = await TestPeer.make(cluster.url)
    const bytes = randomBytes(12_000_000)
    await writeFile(seeder.path('film.bin'), bytes)
    const seeding = await seeder.run()
    seeding.type('upload film.bin film.torrent')
    await seeding.says('SUCCESSFUL UPLOAD')
    const torrent = seeder.path('film.torrent')
    const { announce, scrape, countStored } = await trackerOf(torrent)
    // Bytes come only when everybody is known.
    seeding.freeze()
    await using one = await TestPeer.make(cluster.url)
    await using two = await TestPeer.make(cluster.url)
    await using three = await TestPeer.make(cluster.url)
    const loaders = [one, two, three]
    const loading = await Promise.all(loaders.map((peer) => peer.run()))
    for (const online of loading) online.type(`download ${torrent} got.bin`)
    await waitUntil('the tracker knows one seed and three others', async () => {
      const counts = await scrape()
      return (counts.complete === 1 && counts.incomplete === 3) || counts
    })
    await waitUntil('it has written them down', async () => (await countStored()) === 4)

    await cluster.killManager()
    expect(loading.map((online) => online.hasPrinted('SUCCESSFUL DOWNLOAD'))).toEqual([false, false, false])
    seeding.thaw()
    await waitUntil('bytes have come', async () => (await bytesIn(one.path('got.bin.part'))) > 0)
    await cluster.restartManager()
    const { complete, incomplete } = await scrape()
    expect(complete + incomplete).toBe(4)
    await Promise.all(loading.map((online) => online.says('SUCCESSFUL DOWNLOAD')))

    await using fourth = await TestPeer.make(cluster.url)
    expect(await fourth.do('download', torrent, 'got.bin')).toMatchObject({ code: 0, out: 'SUCCESSFUL DOWNLOAD\n' })
    for (const peer of [...loaders, fourth]) expect((await readFile(peer.path('got.bin'))).equals(bytes)).toBe(true)
    // A seed is told of no other seeds, so this one asks as if it had nothing.
    expect((await announce()).peers).toHaveLength(4 * 6)
  },
)

test('a stored file is downloaded by its torrent from the store, as a user types it', async () => {
  // A test before this one restarted the manager.
  await cluster.settled()
  await using peer = await TestPeer.make(cluster.url)
  const bytes = randomBytes(5_000_000)
  expect((await put(cluster.url, 'films/stored.bin', bytes)).status).toBe(201)
  const { body } = await request(`${cluster.url}/file/films/stored.bin?torrent`)
  await writeFile(peer.path('stored.torrent'), body)
  const holdfast = fileURLToPath(new URL('../../client/bin/holdfast.mjs', import.meta.url))
  const args = [holdfast, 'peer', 'cfgs/cfg.json', 'download', 'stored.torrent', 'got.bin']
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: peer.directory })
  expect(stdout).toBe('SUCCESSFUL DOWNLOAD\n')
  expect(stderr).toContain(`0 came from peers, ${bytes.length} from web seeds`)
  expect((await readFile(peer.path('got.bin'))).equals(bytes)).toBe(true)
})

/** Asks the tracker of the cluster for a torrent's swarm. */
async function trackerOf(torrent: string) {
  const metainfo = await readFile(torrent)
  const info = metainfo.subarray(metainfo.indexOf('4:info') + '4:info'.length, -1)
  const hash = createHash('sha1').update(info).digest()
  const escaped = hash.toString('hex').replace(/../g, '%$&')
  const ask = async (target: string) => bdecode((await request(`${cluster.url}${target}`)).body)
  return {
    announce: () => ask(`/announce?info_hash=${escaped}&peer_id=${'x'.repeat(20)}&port=1&left=1`),
    countStored: async () => {
      const connection = await mongoose.createConnection(cluster.mongoUrl).asPromise()
      try {
        return await connection.collection('swarm_peers').countDocuments({ hash: hash.toString('hex') })
      } finally {
        await connection.close()
      }
    },
    scrape: async () => (await ask(`/scrape?info_hash=${escaped}`)).files[hash.toString('latin1')],
  }
}

/** @returns how many bytes of a file are on the disk, for its size is the whole one from the beginning */
async function bytesIn(path: string): Promise<number> {
  const { blocks } = await stat(path)
  return 512 * blocks
}

test('what is wrong is said in a sentence', async () => {
  await using peer = await TestPeer.make(cluster.url)
  await writeFile(
    peer.path('bad.torrent'),
    'd4:infod6:lengthi9e4:name4:../x12:piece lengthi9e6:pieces20:aaaaaaaaaaaaaaaaaaaaee',
  )
  await writeFile(
    peer.path('cfgs/odd.json'),
    JSON.stringify({ self: { service: '.', host: '0.0.0.0', port: 1, name: 'x' } }),
  )
  expect(await peer.do('download', 'bad.torrent', 'x')).toMatchObject({
    code: 1,
    errors: expect.stringContaining('names a file by a path'),
  })
  expect(await peer.do('upload', 'bad.torrent', '.')).toMatchObject({
    code: 1,
    errors: expect.stringContaining('it is a directory'),
  })
  expect(await peer.do('help')).toMatchObject({ code: 0, errors: '', out: expect.stringContaining('download TORRENT') })
  expect(await peer.do('stop')).toMatchObject({ code: 1, errors: expect.stringContaining('no peer runs in') })
  expect(await peer.do('fly')).toMatchObject({ code: 2, errors: expect.stringContaining('fly is no command') })
  expect(await peer.do('get', '0'.repeat(36))).toMatchObject({
    code: 1,
    errors: expect.stringContaining('the tracker says'),
  })
})

test('a download that is ended says how it goes on, and one of what is here where it is', async () => {
  await using seeder = await TestPeer.make(cluster.url)
  await using peer = await TestPeer.make(cluster.url)
  await writeFile(seeder.path('film.bin'), randomBytes(300_000))
  expect(await seeder.do('upload', 'film.bin', 'film.json')).toMatchObject({ code: 0 })
  expect(await seeder.do('download', 'film.json', 'copy.bin')).toMatchObject({
    code: 1,
    errors: expect.stringContaining(`it is here already, as ${seeder.path('film.bin')}`),
  })
  // Nobody who has it is there.
  const waiting = peer.start(['download', seeder.path('film.json'), 'got.bin'])
  await waitUntil('the download has begun', () => access(peer.path('got.bin.part')).then(() => true))
  expect(await waiting.stop()).toMatchObject({
    code: 130,
    errors: expect.stringContaining('the same command goes on where this one ended'),
  })
})
