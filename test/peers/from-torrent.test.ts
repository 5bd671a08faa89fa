import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { encodeBencode } from '@holdfast/shared/node/torrent/bencode'
import { readTorrent } from '@holdfast/shared/node/torrent/metainfo'
import mongoose from 'mongoose'
import { expect, test } from 'vitest'
import { type Answer, request } from '../cluster/http.ts'
import { jsonOf, put } from '../cluster/shares.ts'
import { TestPeer } from '../cluster/test-peer.ts'
import { type MadeFile, makeFolderTorrent, TestWebSeed } from '../cluster/torrents.ts'
import { useTestCluster } from '../cluster/use-test-cluster.ts'
import { waitUntil } from '../cluster/wait-until.ts'
import { testInFull } from '../full-run.ts'

const cluster = useTestCluster({ fileServers: 2, managerEnvironment: { TORRENT_PRIVATE_NETWORKS: 'true' } })

interface JobRow {
  readonly state: string
  readonly error: string | null
  readonly attempts: number
  readonly progress: Readonly<Record<string, string | number | null>> | null
}

function post(body: object): Promise<Answer> {
  const headers = { 'content-type': 'application/json' }
  return request(`${cluster().url}/files/from-torrent`, { method: 'POST', headers, body: JSON.stringify(body) })
}

async function order(body: object): Promise<string> {
  const answer = await post(body)
  expect(answer).toMatchObject({ status: 202 })
  const { id } = jsonOf<{ id: string }>(answer)
  expect(answer.headers.get('location')).toBe(`/jobs/${id}`)
  return id
}

const jobOf = async (id: string) => jsonOf<JobRow>(await request(`${cluster().url}/jobs/${id}`))

async function becomes(id: string, state: string): Promise<JobRow> {
  await waitUntil(`the job is ${state}`, async () => {
    const job = await jobOf(id)
    if (state !== 'failed' && job.state === 'failed') throw new Error(job.error ?? '')
    return job.state === state || job
  })
  return jobOf(id)
}

const stored = async (name: string) => (await request(`${cluster().url}/file/${name}`)).body
const base64 = (torrent: Buffer) => torrent.toString('base64')
const leftBehind = async () => (await readdir(cluster().torrentsDirectory)).filter((name) => !name.startsWith('lock'))

test('what a peer shares is stored, by its torrent and by its magnet link', async () => {
  await using seeder = await TestPeer.make(cluster().url)
  const bytes = randomBytes(3_000_000)
  await writeFile(seeder.path('film.bin'), bytes)
  const online = await seeder.run()
  online.type('upload film.bin film.torrent')
  await online.says('SUCCESSFUL UPLOAD')
  const torrent = await readFile(seeder.path('film.torrent'))

  const id = await order({ torrent: base64(torrent), path: 'films/' })
  expect(await order({ torrent: base64(torrent), path: 'films' })).toBe(id)
  const { progress } = await becomes(id, 'done')
  expect(progress).toMatchObject({
    phase: 'stored',
    name: 'film.bin',
    files: 1,
    doneBytes: 3_000_000,
    totalBytes: 3_000_000,
  })
  expect((await stored('films/film.bin')).equals(bytes)).toBe(true)

  const { infoHash, trackers } = readTorrent(torrent)
  const fields = trackers.map((tracker) => `&tr=${encodeURIComponent(tracker)}`).join('')
  const byMagnet = await order({
    magnet: `magnet:?xt=urn:btih:${infoHash}${fields}`,
    path: 'by magnet',
    class: 'single',
  })
  await becomes(byMagnet, 'done')
  expect((await stored('by%20magnet/film.bin')).equals(bytes)).toBe(true)
  expect(await leftBehind()).toEqual([])
})

const text = (content: string) => Buffer.from(content)
const folder: readonly MadeFile[] = [
  { path: ['für', 'elise.txt'], bytes: text('Für Elise') },
  { path: ['.pad', '1'], bytes: Buffer.alloc(65_536 - 10), attr: 'p' },
  { path: ['empty.txt'], bytes: Buffer.alloc(0) },
  { path: ['AUX', 'big.bin'], bytes: randomBytes(300_000) },
  { path: ['aux', 'Big.bin'], bytes: randomBytes(70_000) },
  { path: ['.pad', '1'], bytes: Buffer.alloc(65_536 - 10), attr: 'p' },
  { path: ['last.bin'], bytes: randomBytes(10) },
]

test('every file of a torrent is stored under its name, from a web seed alone', async () => {
  await using seed = await TestWebSeed.start()
  seed.serve('albums', folder)
  const torrent = makeFolderTorrent('albums', folder, { 'url-list': seed.url })
  // The torrent itself as the body, as curl --data-binary sends it.
  const headers = { 'content-type': 'application/x-bittorrent' }
  const init = { method: 'POST', headers, body: torrent }
  const answer = await request(`${cluster().url}/files/from-torrent?path=music&class=single`, init)
  expect(answer.status).toBe(202)
  const { progress } = await becomes(jsonOf<{ id: string }>(answer).id, 'done')
  expect(progress).toMatchObject({ phase: 'stored', name: 'albums', files: 5 })
  const list = jsonOf<{ files: { name: string; class: string }[] }>(
    await request(`${cluster().url}/files?prefix=music/`),
  )
  const names = ['AUX/big.bin', 'aux/Big.bin', 'empty.txt', 'für/elise.txt', 'last.bin']
  expect(list.files.map(({ name, class: kept }) => [name, kept]).sort()).toEqual(
    names.map((name) => [`music/albums/${name}`, 'single']).sort(),
  )
  for (const { path, bytes, attr } of folder)
    if (attr !== 'p')
      expect((await stored(`music/albums/${path.map(encodeURIComponent).join('/')}`)).equals(bytes)).toBe(true)
  expect(seed.missed).toEqual([])
})

test('what has the name of a file is left alone, and the job begins anew when it is out of the way', async () => {
  await using seed = await TestWebSeed.start()
  const files = [
    { path: ['a.bin'], bytes: randomBytes(100_000) },
    { path: ['b.bin'], bytes: randomBytes(50_000) },
  ]
  seed.serve('taken', files)
  const torrent = makeFolderTorrent('taken', files, { 'url-list': seed.url })
  const other = randomBytes(50_000)
  await put(cluster().url, 'taken/b.bin', other)
  const id = await order({ torrent: base64(torrent) })
  const { error, attempts } = await becomes(id, 'failed')
  expect(error).toMatch(/^File name already exists: "taken\/b.bin" is there already, and is something else/)
  expect(attempts).toBe(1)
  expect((await stored('taken/b.bin')).equals(other)).toBe(true)
  expect((await request(`${cluster().url}/file/taken/a.bin`)).status).toBe(404)
  expect(await leftBehind()).toEqual([])

  await request(`${cluster().url}/file/taken/b.bin`, { method: 'DELETE' })
  // One that is stored already is not stored again.
  await put(cluster().url, 'taken/a.bin', files[0]?.bytes ?? other)
  expect((await request(`${cluster().url}/jobs/${id}/retry`, { method: 'POST' })).status).toBe(200)
  await becomes(id, 'done')
  expect((await stored('taken/b.bin')).equals(files[1]?.bytes ?? other)).toBe(true)
})

const half = 1_000_000

async function beginHalf(seed: TestWebSeed, name: string): Promise<{ id: string; bytes: Buffer }> {
  const bytes = randomBytes(2 * half)
  const files = [{ path: ['x.bin'], bytes }]
  seed.serve(name, files)
  seed.mostBytes = half
  const id = await order({ torrent: base64(makeFolderTorrent(name, files, { 'url-list': seed.url })) })
  await waitUntil('a part of it is there', async () => {
    const { progress } = await jobOf(id)
    return Number(progress?.doneBytes ?? 0) > half / 2 || progress
  })
  return { id, bytes }
}

/** @returns the processes that a manager has started */
async function childrenOf(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`)
  const lists = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, 'utf8')))
  return lists.join(' ').split(' ').filter(Boolean).map(Number)
}

const isRunning = (pid: number) =>
  readFile(`/proc/${pid}/stat`, 'utf8').then(
    (stat) => !/\) Z /.test(stat),
    () => false,
  )

testInFull('a manager that is killed leaves no process, and the next one goes on where it was', async () => {
  await using seed = await TestWebSeed.start()
  const { id, bytes } = await beginHalf(seed, 'killed')
  const [manager] = cluster().managers
  const children = await childrenOf(manager?.process.pid ?? 0)
  expect(children).toHaveLength(1)
  await manager?.process.kill()
  await waitUntil('the child has ended', async () => !(await isRunning(children[0] ?? 0)))
  // The lease of the job runs out, which takes a minute.
  const connection = await mongoose.createConnection(cluster().mongoUrl).asPromise()
  await connection
    .collection('jobs')
    .updateOne({ key: /\/$/, lease: { $exists: true } }, { $set: { dueAt: new Date(0) } })
  await connection.close()
  seed.mostBytes = Number.POSITIVE_INFINITY
  await cluster().restartManager()
  const { attempts } = await becomes(id, 'done')
  expect(attempts).toBe(2)
  expect((await stored('killed/x.bin')).equals(bytes)).toBe(true)
  // Four pieces were asked for and not noted yet.
  expect(seed.sentBytes).toBeLessThan(2 * half + half / 2)
  expect(await leftBehind()).toEqual([])
})

test('a job can be called off', async () => {
  await using seed = await TestWebSeed.start()
  const { id } = await beginHalf(seed, 'called-off')
  expect((await request(`${cluster().url}/jobs/${id}`, { method: 'DELETE' })).status).toBe(200)
  expect((await request(`${cluster().url}/jobs/${id}`)).status).toBe(404)
  await waitUntil('nothing of it is left', async () => (await leftBehind()).length === 0 || leftBehind())
  expect((await request(`${cluster().url}/jobs/${id}`, { method: 'DELETE' })).status).toBe(404)
})

const info = { name: 'x', length: 9, 'piece length': 9, pieces: Buffer.alloc(20) }
const hostile = (change: object) => ({
  torrent: base64(encodeBencode({ announce: 'http://x/', info: { ...info, ...change } })),
})
const hash = 'ab'.repeat(20)

test.each<[string, object, number, string]>([
  ['nothing', {}, 400, 'give either'],
  ['both', { torrent: 'eA==', magnet: 'magnet:?' }, 400, 'give either'],
  ['an unknown field', { magnet: `magnet:?xt=urn:btih:${hash}&tr=http://x/`, name: 'x' }, 400, 'name'],
  ['what is no base64', { torrent: '%%%' }, 400, 'base64'],
  ['what is no torrent', { torrent: 'aGVsbG8=' }, 400, 'not bencoded'],
  ['a length below zero', { torrent: base64(Buffer.from('l-3:')) }, 400, 'not bencoded'],
  ['no magnet link', { magnet: 'http://x/' }, 400, 'magnet:?'],
  ['a magnet link that leads nowhere', { magnet: `magnet:?xt=urn:btih:${hash}` }, 400, 'no tracker'],
  ['a torrent that leads nowhere', { torrent: base64(encodeBencode({ info })) }, 400, 'no tracker'],
  ['a name that leads up', hostile({ name: '..' }), 400, 'no name'],
  ['a path that leads up', hostile({ length: undefined, files: [{ length: 9, path: ['..', 'x'] }] }), 400, 'no name'],
  ['a name that reads backwards', hostile({ name: 'x\u202etxt.exe' }), 400, 'bidirectional'],
  ['a name that is too long with its folder', { ...hostile({ name: 'x'.repeat(250) }), path: 'folder' }, 400, '255'],
  [
    'two names that are one',
    hostile({
      length: undefined,
      files: [4, 5].map((length) => ({ length, path: [length === 4 ? '\u00e9' : 'e\u0301'] })),
    }),
    400,
    'two files that are called',
  ],
  ['pieces beyond count', hostile({ length: 2 ** 40 }), 400, 'pieces'],
  [
    'a torrent that is too large',
    hostile({ length: 2 ** 35, 'piece length': 2 ** 25, pieces: Buffer.alloc(20 * 2 ** 10) }),
    413,
    'at most',
  ],
  ['a folder that no name begins with', { ...hostile({}), path: 'a\nb' }, 400, 'control'],
])('%s is refused', async (_, body, status, detail) => {
  const answer = await post(body)
  expect({ status: answer.status, detail: jsonOf<{ detail?: string }>(answer).detail }).toEqual({
    status,
    detail: expect.stringContaining(detail),
  })
})

test('the command line shows how it goes until all is stored', async () => {
  await using seed = await TestWebSeed.start()
  const files = [{ path: ['x.bin'], bytes: randomBytes(100_000) }]
  seed.serve('typed', files)
  const path = join(cluster().directory, 'typed.torrent')
  await writeFile(path, makeFolderTorrent('typed', files, { 'url-list': seed.url }))
  const holdfast = fileURLToPath(new URL('../../client/bundle/cli/main.js', import.meta.url))
  const args = [holdfast, '--manager', cluster().url, 'from-torrent', path, 'by hand']
  const { stdout } = await promisify(execFile)(process.execPath, args)
  expect(stdout).toBe('stored typed: 1 files, 97.7 KiB\n')
  expect(await stored('by%20hand/typed/x.bin')).toHaveLength(100_000)
})
