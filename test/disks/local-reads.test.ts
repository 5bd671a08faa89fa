import { randomBytes } from 'node:crypto'
import { open, readdir, readFile, readlink, unlink, writeFile } from 'node:fs/promises'
import { beforeAll, expect, inject, test } from 'vitest'
import { copiesIn } from '../cluster/disk.ts'
import { download, readBroken, request, upload } from '../cluster/http.ts'
import { TestCluster } from '../cluster/test-cluster.ts'
import { useTestCluster } from '../cluster/use-test-cluster.ts'
import { waitUntil } from '../cluster/wait-until.ts'
import { announceRun, runSeed } from '../faults/seed.ts'

const MIB = 1024 * 1024
const PART_BYTES = 4 * MIB
const CLIENTS = 8
const RANGES_OF_EACH = 9

const shared = useTestCluster({ fileServers: 1 })

beforeAll(announceRun)

/** @returns the path of the one copy of the file */
async function uploadCopy(cluster: TestCluster, name: string, content: Buffer): Promise<string> {
  const before = new Set(await copiesIn(cluster.directories))
  expect((await upload(cluster.url, name, content)).status).toBe(201)
  const [path = '', ...others] = (await copiesIn(cluster.directories)).filter((copy) => !before.has(copy))
  expect(others).toEqual([])
  return path
}

/** @returns the copies that the manager has open, which it has read itself */
async function copiesOpenIn(cluster: TestCluster): Promise<string[]> {
  const directory = `/proc/${cluster.managers[0]?.process.pid}/fd`
  const names = await readdir(directory)
  const paths = await Promise.all(names.map((name) => readlink(`${directory}/${name}`).catch(() => '')))
  return paths.filter((path) => path.startsWith(cluster.directory) && path.includes('/tree/'))
}

/** @returns the file-servers whose disk was given up for a while; their processes end, and the manager says so after all else */
async function disksGivenUp(cluster: TestCluster): Promise<unknown[]> {
  const lines = cluster.managers[0]?.process.lines ?? []
  const disconnectedCount = (): number => lines.filter((line) => line.message === 'file-server disconnected').length
  const before = disconnectedCount()
  for (const { process } of cluster.fileServers) await process.stop()
  await waitUntil('the manager has noticed', () => disconnectedCount() > before)
  return lines.filter((line) => String(line.message).startsWith('its disk is not read')).map(({ name }) => name)
}

async function startAgain(cluster: TestCluster): Promise<void> {
  for (const index of cluster.fileServers.keys()) await cluster.restartFileServer(index)
  await cluster.settled()
}

/** Reads random ranges, checks each, and goes away in the middle of every third one. */
async function readRanges(url: string, content: Buffer, label: string): Promise<void> {
  const random = runSeed.fork(label).random()
  for (let count = 0; count < RANGES_OF_EACH; count++) {
    const start = random.integer(0, content.length - 1)
    const end = random.integer(start + 1, content.length)
    const untilBytes = count % 3 === 0 ? random.integer(0, end - start - 1) : Number.POSITIVE_INFINITY
    const stop = new AbortController()
    const response = await fetch(url, { headers: { range: `bytes=${start}-${end - 1}` }, signal: stop.signal })
    let position = start
    for await (const piece of response.body ?? []) {
      expect(content.subarray(position, position + piece.length).equals(piece)).toBe(true)
      position += piece.length
      if (position - start >= untilBytes) break
    }
    stop.abort()
    expect(response.status).toBe(206)
    if (untilBytes === Number.POSITIVE_INFINITY) expect(position).toBe(end)
  }
}

test('a client that reads any ranges of a large file gets right bytes, which the manager reads from the disk alone', async () => {
  const cluster = shared()
  const content = randomBytes(21 * MIB + 12_345)
  const path = await uploadCopy(cluster, 'alone', content)
  await waitUntil('the manager has the copy open, and no other file', async () => {
    const { status, body } = await download(cluster.url, 'alone')
    expect([status, body.equals(content)]).toEqual([200, true])
    return (await copiesOpenIn(cluster)).join() === path
  })
  await readRanges(`${cluster.url}/file/alone`, content, 'alone')
  expect(await disksGivenUp(cluster)).toEqual([])
})

test('invariant 3: a copy that is damaged on disk never becomes wrong bytes, read there', async () => {
  const cluster = shared()
  await startAgain(cluster)
  const content = randomBytes(9 * MIB)
  const path = await uploadCopy(cluster, 'damaged', content)
  await using file = await open(path, 'r+')
  const position = PART_BYTES + 1_000
  await file.write(Buffer.from([(content[position] ?? 0) ^ 1]), 0, 1, position)

  for (let count = 0; count < 3; count++) {
    const got = await readBroken(`${cluster.url}/file/damaged`)
    expect(got.length).toBeLessThanOrEqual(PART_BYTES)
    expect(got.equals(content.subarray(0, got.length))).toBe(true)
  }
  const rangeOf = (start: number, end: number) =>
    request(`${cluster.url}/file/damaged`, { headers: { range: `bytes=${start}-${end - 1}` } })
  expect(await rangeOf(position + 1, position + 2)).toMatchObject({ status: 503, code: 4 })
  for (const [start, end] of [[0, PART_BYTES] as const, [2 * PART_BYTES, 9 * MIB] as const]) {
    const { status, body } = await rangeOf(start, end)
    expect([status, body.equals(content.subarray(start, end))]).toEqual([206, true])
  }
  expect(cluster.managers[0]?.process.lines).toContainEqual(
    expect.objectContaining({ message: 'replica is damaged', part: 1 }),
  )
  expect(await disksGivenUp(cluster)).toEqual([])
})

// More of them read than may read the disk at once, so the rest comes from the file-server, and both ways are mixed in
// one download.
test('many clients that read any ranges of a large file, some going away in the middle, get right bytes and nothing else', async () => {
  const cluster = shared()
  await startAgain(cluster)
  const content = randomBytes(21 * MIB + 12_345)
  await upload(cluster.url, 'many', content)
  const url = `${cluster.url}/file/many`
  await Promise.all(Array.from({ length: CLIENTS }, (_, number) => readRanges(url, content, `client-${number}`)))
  await waitUntil('the manager has closed the copy', async () => {
    const paths = await copiesOpenIn(cluster)
    return paths.length === 0 || paths
  })
  expect((await download(cluster.url, 'many')).body.equals(content)).toBe(true)
})

test('a copy whose file is gone is unavailable, costs no other file anything, and is there again when it is back', async () => {
  const cluster = shared()
  const [gone, other] = [randomBytes(9 * MIB), randomBytes(9 * MIB)]
  const path = await uploadCopy(cluster, 'gone', gone)
  await upload(cluster.url, 'other', other)
  const onDisk = await readFile(path)
  await unlink(path)
  for (let count = 0; count < 3; count++) {
    expect(await download(cluster.url, 'gone')).toMatchObject({ status: 503, code: 4 })
    const { status, body } = await download(cluster.url, 'other')
    expect([status, body.equals(other)]).toEqual([200, true])
  }
  await writeFile(path, onDisk)
  const { status, body } = await download(cluster.url, 'gone')
  expect([status, body.equals(gone)]).toEqual([200, true])
  expect(cluster.managers[0]?.process.isRunning).toBe(true)
})

test('of two file-servers one does not let the manager read its disk: right bytes come from both', async () => {
  await using cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 0 })
  cluster.addFileServer({ LOCAL_READS: 'false' })
  cluster.addFileServer({ LOCAL_READS: 'true' })
  await cluster.settled()
  const [closed = '', openToManager = ''] = cluster.directories
  const files = Array.from({ length: 6 }, (_, number) => ({ name: `file-${number}`, content: randomBytes(5 * MIB) }))
  for (const { name, content } of files) await upload(cluster.url, name, content)
  const counts = await Promise.all([closed, openToManager].map(async (place) => (await copiesIn([place])).length))
  expect(counts.every((count) => count > 0)).toBe(true)

  const copies = [...(await copiesIn([openToManager]))].sort()
  const seen = new Set<string>()
  await waitUntil('just the copies that it may read have been open in the manager', async () => {
    for (const { name, content } of files) {
      const { status, body } = await download(cluster.url, name)
      expect([status, body.equals(content)]).toEqual([200, true])
      for (const path of await copiesOpenIn(cluster)) seen.add(path)
    }
    return [...seen].sort().join() === copies.join() || [...seen]
  })
  expect(await disksGivenUp(cluster)).toEqual([])
})
