import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { NapsterUser } from '../../src/napster/napster-user.ts'
import { PeerError } from '../../src/peer-error.ts'
import { ShareDatabase, type SongShare } from '../../src/shares/share-database.ts'
import { type TrackerClient, TrackerError } from '../../src/tracker-client.ts'

const idOf = (number: number) => `00000000-0000-4000-8000-00000000000${number}`
let directory: string
let user: NapsterUser
let shares: ShareDatabase
const checkIn = vi.fn<TrackerClient['checkIn']>()
const publish = vi.fn<TrackerClient['publish']>()
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-user-'))
  shares = await ShareDatabase.open(directory)
  checkIn.mockReset().mockResolvedValue({ missing: [], unknown: [] })
  publish.mockReset().mockResolvedValue(idOf(1))
  const tracker = { origin: 'http://tracker', checkIn, publish } as unknown as TrackerClient
  const listening = { host: '127.0.0.1', port: 6_881 }
  user = new NapsterUser({ tracker, shares, listening, log: pino({ level: 'silent' }) })
})
afterEach(async () => {
  await user.close()
  await rm(directory, { recursive: true })
})

const song = (path: string, id: string | null): SongShare => ({
  ...{ kind: 'song', path, size: 1, changedAt: 1, infoHash: 'ab'.repeat(20), id, checksum: 'x' },
  ...{ song: path, artist: '', album: '', duration: null, year: null },
})
const published = () => publish.mock.calls.map(([, { song: name }]) => name)

test('at a check-in both sides come to have the same songs', async () => {
  await shares.put(song('new', null))
  await shares.put(song('lost', idOf(2)))
  await shares.put(song('known', idOf(3)))
  publish.mockResolvedValueOnce(idOf(4)).mockResolvedValueOnce(idOf(5))
  checkIn.mockResolvedValueOnce({ missing: [idOf(6)], unknown: [idOf(2)] })
  user.goOnline()
  await vi.waitFor(() => expect(published()).toEqual(['new', 'lost']), { timeout: 10_000 })
  // What it has no longer may be what leaves the others no room.
  expect(checkIn.mock.calls[1]?.[1]).toEqual({ gone: [idOf(6)] })
  expect(checkIn.mock.invocationCallOrder[1]).toBeLessThan(publish.mock.invocationCallOrder[0] ?? 0)
  await vi.waitFor(async () => expect((await ShareDatabase.open(directory)).songs).toHaveLength(3), { timeout: 10_000 })
})

test('a song of which a tracker that is away was not told is told soon, and not only at the next regular check-in', async () => {
  user.goOnline()
  await vi.waitFor(() => expect(checkIn).toHaveBeenCalledOnce(), { timeout: 10_000 })
  publish.mockRejectedValueOnce(new PeerError('nothing answers there'))
  await shares.put(song('one', null))
  await expect(user.publish(song('one', null), AbortSignal.timeout(5_000))).rejects.toThrow('nothing answers')
  await vi.waitFor(() => expect(shares.songs[0]?.id).toBe(idOf(1)), { timeout: 8_000 })
  expect(published()).toEqual(['one', 'one'])
})

test('a tracker that has had too much for now is asked again, and one that refuses is not', async () => {
  await shares.put(song('one', null))
  await shares.put(song('two', null))
  publish.mockRejectedValueOnce(new TrackerError('TOO_MANY_REQUESTS', 'slow down'))
  expect(await user.publish(song('one', null), AbortSignal.timeout(5_000))).toMatchObject({ id: idOf(1) })
  publish.mockReset().mockRejectedValue(new TrackerError('INVALID_REQUEST', 'no'))
  await expect(user.publish(song('two', null), AbortSignal.timeout(5_000))).rejects.toThrow('no')
  expect(publish).toHaveBeenCalledOnce()
})

test('a song that is taken back while a check-in publishes it stays taken back, here and at the tracker', async () => {
  await shares.put(song('one', null))
  await shares.put(song('two', null))
  publish.mockImplementationOnce(async () => {
    shares.delete(song('one', null))
    shares.delete(song('two', null))
    return idOf(1)
  })
  user.goOnline()
  await vi.waitFor(() => expect(checkIn).toHaveBeenCalledTimes(2), { timeout: 10_000 })
  expect(checkIn.mock.calls[1]?.[1]).toEqual({ gone: [idOf(1)] })
  await user.close()
  expect(published()).toEqual(['one'])
  expect(shares.songs).toEqual([])
})

test('another file that has come to the path of a song meanwhile is not taken for it', async () => {
  await shares.put(song('one', null))
  const other = { ...song('one', null), checksum: 'other' }
  publish.mockImplementationOnce(async () => {
    await shares.put(other)
    return idOf(1)
  })
  expect(await user.publish(song('one', null), AbortSignal.timeout(5_000))).toBeNull()
  expect(shares.songs).toEqual([other])
})

test('one song that the tracker refuses keeps no other from being published', async () => {
  await shares.put(song('bad', null))
  await shares.put(song('good', null))
  publish.mockRejectedValueOnce(new TrackerError('INVALID_REQUEST', 'no'))
  user.goOnline()
  await vi.waitFor(() => expect(shares.songs[1]?.id).toBe(idOf(1)), { timeout: 10_000 })
  expect(published()).toEqual(['bad', 'good'])
})

test('a tracker that is down at the start is asked again', async () => {
  checkIn.mockReset().mockRejectedValueOnce(new PeerError('down')).mockResolvedValue({ missing: [], unknown: [] })
  user.goOnline()
  await vi.waitFor(() => expect(checkIn).toHaveBeenCalledTimes(2), { timeout: 8_000 })
})
