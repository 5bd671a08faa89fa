import { randomUUID } from 'node:crypto'
import { parseAddress } from '@holdfast/shared/node/address'
import { describe, expect, test, vi } from 'vitest'
import { waitUntil } from '../../../../test/cluster/wait-until.ts'
import { testInFull } from '../../../../test/full-run.ts'
import { TrackRecords } from '../../../src/peers/users/track-records.ts'
import { UserRecords } from '../../../src/peers/users/user-records.ts'
import { show } from '../../../src/peers/users/users.ts'
import { useDatabase } from '../../mongo/mongo-fixture.ts'
import { exchange, listenUdp, startTracker, type Tracker } from '../tracker-fixture.ts'

const used = useDatabase()
let lastWord = 0
const newWord = () => `word${(lastWord++).toString(36).padStart(6, 'x')}`
const elise = () => ({
  ...{ song: `Für Elise ${newWord()}`, artist: 'Beethoven', album: 'Bagatelles', duration: 174.5, fileSize: 4_194_304 },
  ...{ year: 1810, checksum: randomUUID().replaceAll('-', '') },
})

/** Is a user as the document's own client would be: it answers heartbeats, and can fall silent. */
async function startUser(tracker: Tracker, ip: string) {
  const beats: string[] = []
  const user = { ip, port: 0, beats, isSilent: false }
  const { port } = await listenUdp(ip, (datagram, socket, source) => {
    beats.push(datagram.toString())
    if (!user.isSilent) socket.send(datagram.subarray(4), source.port, source.address)
  })
  const post = (path: string, json: object) => exchange(tracker.port, path, { from: ip, json })
  return Object.assign(user, {
    port,
    checkIn: (more: object = {}) => post('/user/checkin', { ip, port, ...more }),
    publish: (metadata: object) => post('/user/upload-metadata', { ip, port, ...metadata }),
  })
}

const search = (tracker: Tracker, query: string) => exchange(tracker.port, `/search?${query}`)

describe('the flow of the document', () => {
  test('one user checks in and publishes, another one searches and is told where it is', async () => {
    const tracker = await startTracker(used.database)
    const [owner, other] = [await startUser(tracker, '127.0.0.2'), await startUser(tracker, '127.0.0.3')]
    const file = elise()
    const checkedIn = await owner.checkIn()
    expect(checkedIn).toMatchObject({ status: 200, body: { active: true, missing: [], unknown: [] } })
    const { status, body } = await owner.publish(file)
    expect(status).toBe(200)
    expect(body.id).toMatch(/^[0-9a-f-]{36}$/)

    await other.checkIn()
    const word = file.song.split(' ')[2] ?? ''
    for (const query of [
      `song=${word}`,
      `song=${word.slice(0, -1)}&artist=BEET`,
      `q=${word}+1810`,
      `song=f+${word}`,
      `song=${word}&year=`,
    ]) {
      const found = await search(tracker, query)
      expect(found).toMatchObject({ status: 200 })
      expect(found.body).toEqual({
        results: [{ id: body.id, ...file, users: [{ ip: owner.ip, port: owner.port }] }],
        next: null,
      })
    }
    expect((await search(tracker, `song=${word}&artist=Bach`)).body.results).toEqual([])
    const located = await exchange(tracker.port, `/download?id=${body.id}`)
    expect(located).toMatchObject({ status: 200 })
    expect(located.body).toEqual({ ip: owner.ip, port: owner.port, checksum: file.checksum, fileSize: file.fileSize })
  })

  test('who leaves three heartbeats unanswered is offered no longer, until it checks in again', async () => {
    const tracker = await startTracker(used.database)
    const user = await startUser(tracker, '127.0.0.4')
    const file = elise()
    await user.checkIn()
    const { id } = (await user.publish(file)).body
    await waitUntil('it is asked more often than it could leave unanswered', () => user.beats.length > 8)
    expect(user.beats.every((beat) => /^HB1 [0-9a-f]{32}$/.test(beat))).toBe(true)
    expect((await exchange(tracker.port, `/download?id=${id}`)).status).toBe(200)

    user.isSilent = true
    await waitUntil('it is inactive', async () => {
      const { status, body } = await exchange(tracker.port, `/download?id=${id}`)
      return status === 503 && body.code === 4
    })
    expect((await search(tracker, `song=${file.song.split(' ')[2]}`)).body.results).toEqual([])
    const count = user.beats.length
    user.isSilent = false
    await user.checkIn()
    expect((await exchange(tracker.port, `/download?id=${id}`)).status).toBe(200)
    expect((await search(tracker, `song=${file.song.split(' ')[2]}`)).body.results).toHaveLength(1)
    await waitUntil('it is asked again', () => user.beats.length > count)
  })

  test('who checks in while it is marked as gone is found', async () => {
    const tracker = await startTracker(used.database)
    const user = await startUser(tracker, '127.0.0.6')
    const { userId } = (await user.checkIn()).body
    const file = elise()
    await user.publish(file)
    const deps = { users: new UserRecords(used.database), tracks: new TrackRecords(used.database) }
    // A manager has found it inactive, and comes to it only now.
    await show(deps, userId, false)
    expect((await search(tracker, `song=${file.song.split(' ')[2]}`)).body.results).toHaveLength(1)
  })

  test('the same file of the same user keeps its id, and takes what is told of it last', async () => {
    const tracker = await startTracker(used.database)
    const user = await startUser(tracker, '127.0.0.5')
    await user.checkIn()
    const file = elise()
    const { id } = (await user.publish(file)).body
    const { fileSize, ...rest } = { ...file, song: newWord(), checksum: file.checksum.toUpperCase() }
    for (const named of [{ file_size: fileSize }, { size: String(fileSize) }])
      expect((await user.publish({ ...rest, ...named })).body).toEqual({ id })
    const { results } = (await search(tracker, `song=${rest.song}`)).body
    expect(results).toMatchObject([{ id, song: rest.song, fileSize }])
    expect((await search(tracker, `song=${file.song.split(' ')[2]}`)).body.results).toEqual([])
  })

  test('users with the same file are found together, and one stands in for the other', async () => {
    const tracker = await startTracker(used.database)
    const [first, second] = [await startUser(tracker, '127.0.0.6'), await startUser(tracker, '127.0.0.7')]
    const file = elise()
    for (const user of [first, second]) await user.checkIn()
    const { id } = (await first.publish(file)).body
    expect((await second.publish(file)).body.id).not.toBe(id)
    const { results } = (await search(tracker, `song=${file.song.split(' ')[2]}`)).body
    expect(results).toHaveLength(1)
    const users = [first, second].map(({ ip, port }) => ({ ip, port }))
    expect(results[0].users).toEqual(expect.arrayContaining(users))
    first.isSilent = true
    await waitUntil('the second one is offered', async () => {
      const { body } = await exchange(tracker.port, `/download?id=${id}`)
      return (body.ip === second.ip && body.port === second.port) || body
    })
  })

  test('after a check-in with ids the databases of user and tracker can be made to agree, both ways', async () => {
    const tracker = await startTracker(used.database)
    const user = await startUser(tracker, '127.0.0.8')
    await user.checkIn()
    const ids = []
    for (let number = 0; number < 3; number++) ids.push((await user.publish(elise())).body.id)
    const stranger = randomUUID()
    const { body } = await user.checkIn({ ids: [ids[0], ids[1], stranger] })
    expect(body).toMatchObject({ active: true, missing: [ids[2]], unknown: [stranger] })
    expect((await user.checkIn({ ids: ids.slice(0, 2), gone: [ids[2]] })).body).toMatchObject({
      missing: [],
      unknown: [],
    })
    expect((await exchange(tracker.port, `/download?id=${ids[2]}`)).body).toMatchObject({ code: 2 })
    const other = await startUser(tracker, '127.0.0.9')
    await other.checkIn({ gone: ids })
    expect((await exchange(tracker.port, `/download?id=${ids[0]}`)).status).toBe(200)
  })

  test('a tracker that is started anew has lost nobody', async () => {
    const first = await startTracker(used.database)
    const user = await startUser(first, '127.0.0.10')
    await user.checkIn()
    const { id } = (await user.publish(elise())).body
    await first.close()
    const second = await startTracker(used.database, {}, { port: first.port })
    expect((await exchange(second.port, `/download?id=${id}`)).body).toMatchObject({ ip: user.ip, port: user.port })
    const count = user.beats.length
    await waitUntil('it is asked again', () => user.beats.length > count + 4)
    expect((await exchange(second.port, `/download?id=${id}`)).status).toBe(200)
  })

  test('pages of a search have every file once', async () => {
    const tracker = await startTracker(used.database)
    const users = [await startUser(tracker, '127.0.0.11'), await startUser(tracker, '127.0.0.12')]
    const word = newWord()
    for (const user of users) await user.checkIn()
    for (let number = 0; number < 7; number++) {
      const file = { ...elise(), song: `${word} ${number}` }
      for (const user of users) await user.publish(file)
    }
    const seen: string[] = []
    let cursor = ''
    for (let pages = 0; pages < 10; pages++) {
      const { body } = await search(tracker, `song=${word}&limit=3${cursor}`)
      expect(body.results.length).toBeLessThanOrEqual(3)
      for (const result of body.results) {
        expect(result.users).toHaveLength(2)
        seen.push(result.song)
      }
      if (body.next === null) break
      cursor = `&cursor=${encodeURIComponent(body.next)}`
    }
    expect(seen.sort()).toEqual(Array.from({ length: 7 }, (_, number) => `${word} ${number}`))
  })
})

describe('nobody can have heartbeats sent to an address that is not his own', () => {
  test.each(['8.8.8.8', '127.0.0.1', '10.0.0.1'])('%s is refused', async (ip) => {
    const tracker = await startTracker(used.database, {}, { isOperator: false })
    const from = '127.0.0.13'
    const refused = await exchange(tracker.port, '/user/checkin', { from, json: { ip, port: 5_000 } })
    expect(refused).toMatchObject({ status: 403, body: { code: 10 } })
  })

  test.each(['169.254.169.254', '::127.0.0.1', '2002:7f00:1::', '127.1', 'files.example', '224.0.0.1'])(
    'not even by the operator: %s',
    async (ip) => {
      const tracker = await startTracker(used.database)
      const refused = await exchange(tracker.port, '/user/checkin', { json: { ip, port: 5_000 } })
      expect(refused).toMatchObject({ status: 400, body: { code: 5 } })
    },
  )

  test.each([undefined, '0.0.0.0', '::', '', 'localhost', '::ffff:127.0.0.14'])('%j means the own one', async (ip) => {
    const tracker = await startTracker(used.database, {}, { isOperator: false })
    const user = await startUser(tracker, '127.0.0.14')
    expect((await user.checkIn({ ip })).status).toBe(200)
    await waitUntil('the heartbeat comes', () => user.beats.length > 0)
  })

  test('the operator, on a manager that only this machine reaches, names any that a peer can have', async () => {
    const tracker = await startTracker(used.database)
    const user = await startUser(tracker, '127.0.0.15')
    const { port } = user
    const answer = await exchange(tracker.port, '/user/checkin', { json: { ip: '127.0.0.15', port } })
    expect(answer.status).toBe(200)
    await waitUntil('the heartbeat comes', () => user.beats.length > 0)
  })

  test('a request that a proxy brings is refused, for it says nothing of the user', async () => {
    const tracker = await startTracker(used.database)
    const headers = { 'x-forwarded-for': '93.184.216.34' }
    const refused = await exchange(tracker.port, '/user/checkin', { json: { port: 5_000 }, headers })
    expect(refused).toMatchObject({ status: 403 })
    expect((await exchange(tracker.port, '/search?q=fur', { headers })).body.results).toEqual([])
  })

  testInFull('a /64 of IPv6 has at most 64 users, whichever of its addresses they have', async () => {
    const { users } = (await startTracker(used.database)).peers
    const user = (ip: string) => {
      const address = parseAddress(ip)
      return address === null ? null : users.require(address, 2_000)
    }
    await Promise.all(Array.from({ length: 64 }, (_, index) => user(`2a00:1450:1:2::${(index + 1).toString(16)}`)))
    await expect(user('2a00:1450:1:2::ffff')).rejects.toMatchObject({ name: 'TOO_MANY_REQUESTS' })
    expect(await user('2a00:1450:1:2::1')).toMatchObject({ ip: '2a00:1450:1:2::1' })
    expect(await user('2a00:1450:1:3::1')).toMatchObject({ ip: '2a00:1450:1:3::1' })
  })

  test('an address has at most 64 users', async () => {
    const tracker = await startTracker(used.database)
    const from = '127.0.0.16'
    const statuses = []
    for (let port = 2_000; port < 2_066; port++)
      statuses.push((await exchange(tracker.port, '/user/checkin', { from, json: { port } })).status)
    expect(statuses).toEqual([...Array(64).fill(200), 429, 429])
  })
})

describe('searches of others than this machine', () => {
  const headers = { 'x-forwarded-for': '93.184.216.34' }
  const start = () => startTracker(used.database, {}, { trustedProxies: ['127.0.0.1'] })

  test('are 200 of a network, and some every second after that', async () => {
    const tracker = await start()
    let count = 0
    for (let isLimited = false; !isLimited; ) {
      const asked = Array.from({ length: 8 }, () => exchange(tracker.port, '/search?q=x', { headers }))
      const statuses = (await Promise.all(asked)).map(({ status }) => status)
      isLimited = statuses.includes(429)
      count += statuses.filter((status) => status === 200).length
      expect(count).toBeLessThan(4_000)
    }
    expect(count).toBeGreaterThanOrEqual(200)
    // One more may be asked every 50 ms, which a busy machine lets pass between two of them.
    const locate = () => exchange(tracker.port, `/download?id=${randomUUID()}`, { headers })
    const located = await Promise.all(Array.from({ length: 8 }, locate))
    expect(located.find(({ status }) => status === 429)).toMatchObject({ body: { code: 14 } })
    for (const others of [{ 'x-forwarded-for': '93.184.216.35' }, {}])
      expect((await exchange(tracker.port, '/search?q=x', { headers: others })).status).toBe(200)
  })

  test('and of this one are eight at once', async () => {
    const tracker = await start()
    let release: () => void = () => undefined
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const searched = vi.spyOn(tracker.peers.tracks, 'search').mockImplementation(async () => {
      await released
      return { tracks: [], next: null }
    })
    const asked = Array.from({ length: 8 }, () => exchange(tracker.port, '/search?q=x'))
    await vi.waitFor(() => expect(searched).toHaveBeenCalledTimes(8))
    for (const target of ['/search?q=x', `/download?id=${randomUUID()}`])
      expect(await exchange(tracker.port, target)).toMatchObject({ status: 503, body: { code: 17 } })
    release()
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual(Array(8).fill(200))
    expect((await exchange(tracker.port, '/search?q=x')).status).toBe(200)
  })
})

test.each([
  ['/user/checkin', {}],
  ['/user/checkin', { port: 53 }],
  ['/user/checkin', { port: 70_000 }],
  ['/user/checkin', { port: { $gt: 0 } }],
  ['/user/checkin', { port: 5_000, ids: ['x'] }],
  ['/user/checkin', { port: 5_000, ip: { $ne: '' } }],
  ['/user/upload-metadata', { port: 5_000, song: 'a', checksum: 'abcd' }],
  ['/user/upload-metadata', { port: 5_000, song: '', checksum: 'abcd', fileSize: 1 }],
  ['/user/upload-metadata', { port: 5_000, song: 'a', checksum: { $gt: '' }, fileSize: 1 }],
  ['/user/upload-metadata', { port: 5_000, song: 'a', checksum: 'abcd', fileSize: -1 }],
  ['/user/upload-metadata', { port: 5_000, song: 'a', checksum: 'abcd', fileSize: 1, year: 18.5 }],
  ['/user/upload-metadata', { port: 5_000, song: 'a'.repeat(301), checksum: 'abcd', fileSize: 1 }],
])('POST %s refuses %j', async (path, json) => {
  const tracker = await startTracker(used.database)
  expect(await exchange(tracker.port, path, { json })).toMatchObject({ status: 400, body: { code: 5 } })
})

test.each([
  ['/search', 400],
  ['/search?song=', 400],
  ['/search?song=%3F%21', 400],
  ['/search?song=a&limit=0', 400],
  ['/search?song=a&limit=101', 400],
  ['/search?song=a&song=b', 400],
  ['/search?year=abc', 400],
  ['/search?year=', 400],
  ['/search?song=a&year=10000', 400],
  ['/search?song[$gt]=', 400],
  ['/search?song=nothing.of%28this%5B', 200],
  ['/download', 400],
  ['/download?name=of-the-audio-server.wav', 405],
  ['/download?id=', 400],
  ['/download?id=nothing', 400],
  [`/download?id=${randomUUID()}`, 404],
])('GET %s answers %i', async (target, status) => {
  const tracker = await startTracker(used.database)
  expect((await exchange(tracker.port, target)).status).toBe(status)
})
