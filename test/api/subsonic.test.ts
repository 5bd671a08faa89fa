import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import SubsonicAPI from 'subsonic-api'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { request } from '../cluster/http.ts'
import { TestCluster } from '../cluster/test-cluster.ts'
import { waitUntil } from '../cluster/wait-until.ts'
import { taggedMp3 } from './tagged-mp3.ts'

const run = promisify(execFile)
const user = 'joe'
const password = 'open sesame & 42'
const salt = 'c19b2d'
const token = createHash('md5').update(`${password}${salt}`).digest('hex')
const known = { u: user, t: token, s: salt, v: '1.16.1', c: 'test' }

/** It is taken for ffmpeg: it notes itself, and makes the same bytes over and over. Nothing is ever checked with it. */
const endlessFfmpeg = `#!/bin/sh
case "$*" in *-version*|*s16le*) exit 0;; esac
echo "$$ $(echo "$*" | tr '\\r\\n' '  ')" >> "$(dirname "$0")/calls"
exec yes transcoded
`

let cluster: TestCluster
let directory: string
const ids: Record<string, string> = {}
const hyperballad = taggedMp3({
  TIT2: 'Hyperballad',
  TPE1: 'Björk',
  TALB: 'Post',
  TRCK: '2',
  TDRC: '1995',
  TCON: 'Pop',
})
const tracks = {
  'music/post/2.mp3': hyperballad,
  'music/post/1.mp3': taggedMp3({
    TIT2: 'Army of Me',
    TPE1: 'Björk',
    TALB: 'Post',
    TRCK: '1',
    TDRC: '1995',
    TCON: 'Pop',
  }),
  'music/help.mp3': taggedMp3({ TIT2: 'Help! <&>', TPE1: 'The Beatles', TALB: 'Help!', TDRC: '1965', TCON: 'Rock' }),
  'music/cover.mp3': readFileSync(fileURLToPath(new URL('../../manager/test/audio/files/cover.mp3', import.meta.url))),
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-subsonic-'))
  writeFileSync(join(directory, 'ffmpeg'), endlessFfmpeg)
  chmodSync(join(directory, 'ffmpeg'), 0o755)
  const PATH = `${directory}:${process.env.PATH}`
  const managerEnvironment = { SUBSONIC_USER: user, SUBSONIC_PASSWORD: password, LOG_LEVEL: 'debug', PATH }
  cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), managers: 1, fileServers: 1, managerEnvironment })
  for (const [name, bytes] of Object.entries(tracks)) {
    const target = `${cluster.url}/post?name=${encodeURIComponent(name)}`
    const { status, body } = await request(target, { method: 'POST', body: new Uint8Array(bytes) })
    expect([status, body.toString().slice(0, 300)]).toEqual([201, expect.any(String)])
    ids[name] = (JSON.parse(body.toString()) as { id: string }).id
  }
})
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  await cluster[Symbol.asyncDispose]()
})

type Parameters = Readonly<Record<string, string | readonly string[]>>
function encode(parameters: Parameters): string {
  const pairs = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters))
    for (const one of typeof value === 'string' ? [value] : value) pairs.append(name, one)
  return pairs.toString()
}
const target = (method: string, parameters: Parameters = {}) =>
  `${cluster.url}/rest/${method}?${encode({ ...known, ...parameters })}`

interface Said {
  readonly status: string
  readonly error?: { readonly code: number; readonly message: string }
  readonly [field: string]: unknown
}
async function say(method: string, parameters: Parameters = {}): Promise<Said> {
  const { status, body } = await request(target(method, { ...parameters, f: 'json' }))
  expect([status, method]).toEqual([200, method])
  return (JSON.parse(body.toString()) as { 'subsonic-response': Said })['subsonic-response']
}
const newClient = (options: { post?: boolean; fetch?: typeof fetch } = {}) =>
  new SubsonicAPI({ url: cluster.url, auth: { username: user, password }, ...options })

/** Albums follow tracks within a moment. */
const albumsAreThere = () =>
  waitUntil('all albums are there', async () => {
    const { albumList2 } = await say('getAlbumList2', { type: 'newest' })
    return (albumList2 as { album: unknown[] }).album.length === 3 || albumList2
  })

test('there is no /rest until user and password are set', async () => {
  const manager = cluster.startManagerProcess({ SUBSONIC_PASSWORD: '' })
  try {
    const { url } = await manager.line((line) => line.message === 'manager started')
    expect((await request(`${url}/rest/ping.view?${encode(known)}`)).status).toBe(404)
    expect((await request(`${url}/rest/getOpenSubsonicExtensions`)).status).toBe(404)
    expect(manager.lines.map(({ message }) => message).join()).toContain('SUBSONIC_PASSWORD')
  } finally {
    await manager.kill()
  }
})

test('each method is there with and without .view, by GET and by a form, in XML and JSON', async () => {
  const xml =
    '<?xml version="1.0" encoding="UTF-8"?>\n<subsonic-response xmlns="http://subsonic.org/restapi" status="ok" ' +
    'version="1.16.1" type="holdfast" serverVersion="0.1.0" openSubsonic="true"/>\n'
  const form = { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: encode(known) }
  const url = `${cluster.url}/rest/ping`
  for (const [address, init] of [
    [target('ping'), {}],
    [target('ping.view'), {}],
    [url, form],
    [`${url}.view`, form],
  ] as const) {
    const { status, headers, body } = await request(address, init)
    expect([status, headers.get('content-type'), body.toString()]).toEqual([200, 'text/xml; charset=utf-8', xml])
  }
  expect(await say('ping')).toEqual({
    ...{ status: 'ok', version: '1.16.1', type: 'holdfast', serverVersion: '0.1.0', openSubsonic: true },
  })
  expect((await request(target('noSuchMethod'))).status).toBe(404)
  expect((await request(target('constructor'))).status).toBe(404)
  const song = (await request(target('getSong', { id: ids['music/help.mp3'] ?? '' }))).body.toString()
  expect(song).toContain(' title="Help! &lt;&amp;&gt;"')
})

test.each<[string, Parameters, number]>([
  ['ping', { t: '0'.repeat(32) }, 40],
  ['ping', { u: 'nobody' }, 40],
  ['ping', { v: '2.0.0' }, 30],
  ['ping', { v: '0.9' }, 20],
  ['ping', { p: 'both' }, 43],
  ['stream', { t: '0'.repeat(32), id: 'x' }, 40],
  ['stream', {}, 10],
  ['stream', { id: '0'.repeat(24) }, 70],
  ['getAlbum', { id: `al-${'0'.repeat(32)}` }, 70],
  ['getArtist', { id: '../../etc/passwd' }, 70],
  ['getCoverArt', { id: '' }, 70],
  ['getUser', { username: 'somebody' }, 50],
  ['getAlbumList2', {}, 10],
  ['getAlbumList2', { type: 'no such' }, 0],
  ['getRandomSongs', { size: '-1' }, 0],
  ['star', {}, 10],
  ['star', { id: 'f'.repeat(24) }, 70],
  ['createPlaylist', {}, 10],
  ['createPlaylist', { name: 'x', songId: 'f'.repeat(24) }, 70],
  ['updatePlaylist', { playlistId: `pl-${'f'.repeat(24)}` }, 70],
])('%s with %j fails with code %i, in an answer of status 200', async (method, parameters, code) => {
  const { status, error } = await say(method, parameters)
  expect([status, error?.code]).toEqual(['failed', code])
  const { headers, body } = await request(target(method, parameters))
  expect(headers.get('content-type')).toBe('text/xml; charset=utf-8')
  expect(body.toString()).toContain(` status="failed"`)
  expect(body.toString()).toContain(`<error code="${code}" message="`)
})

test('what is missing is named, and extensions are told to anybody', async () => {
  for (const name of ['u', 'v', 'c']) {
    const { [name]: _, ...others } = known as Record<string, string>
    const { body } = await request(`${cluster.url}/rest/ping?${encode({ ...others, f: 'json' })}`)
    expect(body.toString()).toContain(`"code":10,"message":"Required parameter is missing: ${name}"`)
  }
  const { body } = await request(`${cluster.url}/rest/getOpenSubsonicExtensions?f=json`)
  expect(body.toString()).toContain('"openSubsonicExtensions":[{"name":"formPost","versions":[1]}')
})

test.each([false, true])(
  'a client library searches, browses, plays, seeks and keeps playlists (form: %s)',
  async (post) => {
    await albumsAreThere()
    const client = newClient({ post })
    expect(await client.ping()).toMatchObject({ status: 'ok', openSubsonic: true })
    const { searchResult3 } = await client.search3({ query: 'bjo' })
    expect(searchResult3).toMatchObject({
      artist: [{ name: 'Björk', albumCount: 1 }],
      album: [{ name: 'Post', songCount: 2 }],
    })
    expect(searchResult3.song?.map(({ title }) => title)).toEqual(['Army of Me', 'Hyperballad'])
    const { artist } = await client.getArtist({ id: searchResult3.artist?.[0]?.id ?? '' })
    const { album } = await client.getAlbum({ id: artist.album?.[0]?.id ?? '' })
    expect(album).toMatchObject({ name: 'Post', artist: 'Björk', year: 1995, genre: 'Pop', songCount: 2, duration: 3 })
    expect(album.song).toMatchObject([
      { title: 'Army of Me', track: 1, suffix: 'mp3', contentType: 'audio/mpeg', duration: 2, albumId: album.id },
      { title: 'Hyperballad', track: 2, path: 'music/post/2.mp3', isDir: false, artistId: artist.id },
    ])
    const id = album.song?.[1]?.id ?? ''
    const seeking = newClient({
      post,
      fetch: (to, init) => fetch(to, { ...init, headers: { ...init?.headers, range: 'bytes=1000-1999' } }),
    })
    const piece = await seeking.stream({ id })
    expect([piece.status, piece.headers.get('content-range')]).toEqual([206, `bytes 1000-1999/${hyperballad.length}`])
    expect(Buffer.from(await piece.arrayBuffer())).toEqual(hyperballad.subarray(1_000, 2_000))
    expect(Buffer.from(await (await client.download({ id })).arrayBuffer())).toEqual(hyperballad)

    const { playlist } = await client.createPlaylist({ name: 'mix', songId: [id, album.song?.[0]?.id ?? '', id] })
    await client.updatePlaylist({
      playlistId: playlist.id,
      comment: 'words',
      songIndexToRemove: [0],
      songIdToAdd: [id],
    })
    const filled = (await client.getPlaylist({ id: playlist.id })).playlist
    expect(filled).toMatchObject({ name: 'mix', comment: 'words', songCount: 3, owner: user })
    expect(filled.entry?.map(({ title }) => title)).toEqual(['Army of Me', 'Hyperballad', 'Hyperballad'])
    expect((await client.getPlaylists()).playlists.playlist).toMatchObject([{ id: playlist.id, songCount: 3 }])
    await client.deletePlaylist({ id: playlist.id })
    expect(await client.getPlaylist({ id: playlist.id })).toMatchObject({ status: 'failed', error: { code: 70 } })

    await client.star({ id, albumId: album.id, artistId: artist.id })
    const { starred2 } = await client.getStarred2()
    expect(starred2).toMatchObject({ artist: [{ id: artist.id }], album: [{ id: album.id }], song: [{ id }] })
    await client.unstar({ id, albumId: album.id, artistId: artist.id })
    expect((await client.getStarred2()).starred2).toEqual({ artist: [], album: [], song: [] })
  },
)

test('songs by the hundred are added to a playlist by GET', async () => {
  const songId = Array.from({ length: 1_500 }, () => ids['music/help.mp3'] ?? '')
  expect((await say('createPlaylist', { name: 'long', songId })).playlist).toMatchObject({ songCount: 1_500 })
})

test('py-sonic does the same', async (context) => {
  const isThere = await run('python3', ['-c', 'import libsonic']).then(
    () => true,
    () => false,
  )
  if (!isThere) {
    console.warn('no py-sonic for the tests: pip install py-sonic')
    return context.skip()
  }
  await albumsAreThere()
  const script = `
import libsonic, json, sys
url, port = sys.argv[1], int(sys.argv[2])
c = libsonic.Connection(url, sys.argv[3], sys.argv[4], port=port)
assert c.ping()
song = c.search3('hyperballad')['searchResult3']['song'][0]
album = c.getAlbum(song['albumId'])['album']
assert [s['title'] for s in album['song']] == ['Army of Me', 'Hyperballad'], album
size = len(c.stream(song['id']).read())
pid = c.createPlaylist(name='py', songIds=[song['id']])['playlist']['id']
assert c.getPlaylist(pid)['playlist']['entry'][0]['id'] == song['id']
c.deletePlaylist(pid)
assert c.getIndexes()['indexes']['index'], 'index'
assert c.getGenres()['genres']['genre'], 'genres'
assert c.getUser(sys.argv[3])['user']['streamRole']
c.scrobble(song['id'])
print(json.dumps({'size': size}))
`
  const { port } = new URL(cluster.url)
  const { stdout } = await run('python3', ['-c', script, 'http://127.0.0.1', port, user, password])
  expect(JSON.parse(stdout)).toEqual({ size: hyperballad.length })
})

test('lists have what they are asked for', async () => {
  await albumsAreThere()
  const names = async (parameters: Parameters) => {
    const { albumList2 } = await say('getAlbumList2', parameters)
    return (albumList2 as { album: { name: string }[] }).album.map(({ name }) => name)
  }
  const unknown =
    (await names({ type: 'alphabeticalByName' })).find((name) => name !== 'Help!' && name !== 'Post') ?? ''
  expect(await names({ type: 'newest' })).toEqual([unknown, 'Help!', 'Post'])
  expect(await names({ type: 'newest', size: '1', offset: '1' })).toEqual(['Help!'])
  expect(await names({ type: 'byYear', fromYear: '2000', toYear: '1960' })).toEqual(['Post', 'Help!'])
  expect(await names({ type: 'byGenre', genre: 'rock' })).toEqual(['Help!'])
  expect((await names({ type: 'random' })).sort()).toEqual([unknown, 'Help!', 'Post'].sort())
  const help = ids['music/help.mp3'] ?? ''
  expect((await say('scrobble', { id: [help, help], time: ['1000', '2000'] })).status).toBe('ok')
  expect((await say('scrobble', { id: ids['music/post/1.mp3'] ?? '', submission: 'false' })).status).toBe('ok')
  expect(await names({ type: 'frequent', size: '1' })).toEqual(['Help!'])
  expect(await names({ type: 'recent' })).toContain('Help!')
  expect((await say('getSong', { id: help })).song).toMatchObject({ playCount: 2, played: '1970-01-01T00:00:02.000Z' })
  for (const query of ['', '""', 'mus'])
    expect((await say('search3', { query })).searchResult3, query).toMatchObject({ song: { length: 4 } })
  expect((await say('search3', { query: '!?', songOffset: '1' })).searchResult3).toMatchObject({ song: [] })
  expect((await say('search3', { query: '', songCount: '2', songOffset: '3' })).searchResult3).toMatchObject({
    song: { length: 1 },
  })
  for (const bounds of [{}, { fromYear: '0', toYear: '0' }, { fromYear: '', toYear: '' }])
    expect((await say('getRandomSongs', { size: '9', ...bounds })).randomSongs).toMatchObject({ song: { length: 4 } })
  expect((await say('getRandomSongs', { genre: 'pop', toYear: '1994' })).randomSongs).toEqual({ song: [] })
  expect((await say('getSongsByGenre', { genre: 'POP' })).songsByGenre).toMatchObject({ song: { length: 2 } })
  expect((await say('getGenres')).genres).toMatchObject({
    genre: expect.arrayContaining([{ value: 'Pop', songCount: 2, albumCount: 1 }]),
  })
  expect((await say('getArtists')).artists).toMatchObject({
    index: expect.arrayContaining(
      [{ name: 'B', artist: [{ name: 'The Beatles' }, { name: 'Björk' }] }].map((one) =>
        expect.objectContaining({
          name: one.name,
          artist: one.artist.map((artist) => expect.objectContaining(artist)),
        }),
      ),
    ),
  })
})

test('clients that browse folders find their way', async () => {
  await albumsAreThere()
  const directory = async (id: string) =>
    (await say('getMusicDirectory', { id })).directory as { child: { id: string; title: string; isDir: boolean }[] }
  const { indexes } = (await say('getIndexes')) as unknown as {
    indexes: { lastModified: number; index: { artist: { id: string; name: string }[] }[] }
  }
  const bjork = indexes.index.flatMap(({ artist }) => artist).find(({ name }) => name === 'Björk')
  expect((await directory('1')).child.map(({ title }) => title)).toContain('Björk')
  const [album] = (await directory(bjork?.id ?? '')).child
  expect(album).toMatchObject({ title: 'Post', isDir: true })
  expect((await directory(album?.id ?? '')).child.map(({ title }) => title)).toEqual(['Army of Me', 'Hyperballad'])
  const { searchResult2 } = await say('search2', { query: 'bjo' })
  expect(searchResult2).toMatchObject({
    artist: [{ id: bjork?.id, name: 'Björk' }],
    album: [{ id: album?.id, title: 'Post', parent: bjork?.id, isDir: true }],
    song: [{ title: 'Army of Me' }, { title: 'Hyperballad' }],
  })
  expect((await say('getIndexes', { ifModifiedSince: String(indexes.lastModified) })).indexes).not.toHaveProperty(
    'index',
  )
  expect((await say('getMusicFolders')).musicFolders).toEqual({ musicFolder: [{ id: 1, name: 'Music' }] })
})

test('a cover is that of the track, of its album and of its artist, and is not sent twice', async () => {
  await albumsAreThere()
  const song = (await say('getSong', { id: ids['music/cover.mp3'] ?? '' })).song as {
    coverArt: string
    albumId: string
    artistId: string
  }
  const covers = await Promise.all(
    [song.coverArt, song.albumId, song.artistId].map((id) => request(target('getCoverArt', { id }))),
  )
  for (const { status, headers, body } of covers) {
    expect([status, headers.get('content-type')?.split('/')[0]]).toEqual([200, 'image'])
    expect(body).toEqual(covers[0]?.body)
  }
  const etag = covers[0]?.headers.get('etag') ?? ''
  const again = await request(target('getCoverArt', { id: song.coverArt }), { headers: { 'if-none-match': etag } })
  expect(again.status).toBe(304)
  expect((await say('getCoverArt', { id: ids['music/help.mp3'] ?? '' })).error?.code).toBe(70)
})

test('a page of another site that has the credentials may use it, by form too', async () => {
  const headers = { origin: 'https://player.example', 'sec-fetch-site': 'cross-site' }
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const answer = await request(`${cluster.url}/rest/ping`, {
    method: 'POST',
    headers: { ...headers, ...form },
    body: encode(known),
  })
  expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, '*'])
  expect(answer.body.toString()).toContain('status="ok"')
  // A player that may not see an error takes it for a network that is down.
  const unknown = await request(target('getArtistInfo', { id: 'x' }), { headers })
  expect([unknown.status, unknown.headers.get('access-control-allow-origin')]).toEqual([404, '*'])
  const preflight = await request(target('stream', { id: 'x' }), { method: 'OPTIONS', headers })
  expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([204, '*'])
  expect((await request(`${cluster.url}/post`, { method: 'POST', headers, body: 'x' })).status).toBe(403)
})

test('some tracks are transcoded at once, and ffmpeg ends when its client goes away', async () => {
  const id = ids['music/post/2.mp3'] ?? ''
  const hangUps = Array.from({ length: 4 }, () => new AbortController())
  const open = await Promise.all(
    hangUps.map(({ signal }) =>
      fetch(target('stream', { id, format: 'opus', maxBitRate: '96', timeOffset: '7' }), { signal }),
    ),
  )
  for (const { status, headers } of open)
    expect([status, headers.get('content-type'), headers.get('accept-ranges')]).toEqual([200, 'audio/ogg', 'none'])
  const fifth = await request(target('stream', { id, format: 'opus' }))
  expect([fifth.status, fifth.headers.get('retry-after')]).toEqual([503, '2'])
  const calls = readFileSync(join(directory, 'calls'), 'utf8').trim().split('\n')
  expect(calls.filter((call) => call.includes(' -ss 7 '))).toEqual(calls)
  expect(calls).toHaveLength(4)
  expect(calls[0]).toContain(' -ss 7 ')
  expect(calls[0]).toContain('-c:a libopus -f ogg -b:a 96k pipe:1')
  for (const hangUp of hangUps) hangUp.abort()
  const pids = calls.map((call) => Number.parseInt(call, 10))
  await waitUntil('every ffmpeg has ended', () => pids.every((pid) => !existsSync(`/proc/${pid}`)))
  const next = new AbortController()
  expect((await fetch(target('stream', { id, format: 'aac' }), { signal: next.signal })).status).toBe(200)
  next.abort()
  const head = await request(target('stream', { id }), { method: 'HEAD' })
  expect([head.status, head.headers.get('content-length')]).toEqual([200, String(hyperballad.length)])
  const raw = await request(target('stream', { id, format: 'raw', maxBitRate: '32' }))
  expect(raw.body).toEqual(hyperballad)
})

test('neither password nor token is in a line of the log', async () => {
  await say('ping', { t: '0'.repeat(32), s: 'never logged' })
  await request(target('noSuchMethod'))
  await request(target('stream', { id: ids['music/help.mp3'] ?? '' }), { headers: { range: 'bytes=999999999-' } })
  const lines = JSON.stringify(cluster.managers[0]?.process.lines)
  expect(lines.length).toBeGreaterThan(1_000)
  for (const secret of [password, encodeURIComponent(password), token, 'never logged', salt])
    expect(lines).not.toContain(secret)
})

test('who shows wrong credentials too often is not told of more, and shuts nobody out who knows the right ones', async () => {
  for (let tries = 0; tries < 60; tries++) await say('ping', { t: String(tries) })
  // One more may be tried every few seconds, which a busy machine lets pass.
  const answers = await Promise.all(Array.from({ length: 8 }, () => say('ping', { t: 'another' })))
  const refused = answers.find(({ error }) => error?.code === 0)
  expect(refused?.error).toMatchObject({ message: expect.stringContaining('too often') })
  expect((await say('ping')).status).toBe('ok')
})
