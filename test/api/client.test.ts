import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Upkeep } from '@holdfast/client/answers'
import { StoreClient } from '@holdfast/client/store-client'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { TestCluster } from '../cluster/test-cluster.ts'
import { waitUntil } from '../cluster/wait-until.ts'
import { testInFull } from '../full-run.ts'

const main = fileURLToPath(new URL('../../client/bundle/cli/main.js', import.meta.url))
const NAME = 'files.example.test'
const bytes = randomBytes(9_000_001)
const sha256 = createHash('sha256').update(bytes).digest('hex')

let cluster: TestCluster
let client: StoreClient
let directory: string

beforeAll(async () => {
  // A manager that is known by a name wants tickets for what is the operator's.
  const managerEnvironment = { PUBLIC_HOSTS: NAME, FILE_SERVER_GRACE_MS: '600000' }
  const environmentOf = (number: number) => ({ ZONE: `rack-${number}` })
  cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 2, managerEnvironment, environmentOf })
  client = new StoreClient({ baseUrl: cluster.url })
  directory = await mkdtemp(join(tmpdir(), 'holdfast-client-'))
  await writeFile(join(directory, 'photo.jpg'), bytes)
})
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]()
  if (directory !== undefined) await rm(directory, { recursive: true })
})

/** Runs the command as a user would. */
function holdfast(args: string[], environment: Record<string, string> = {}) {
  const env = { ...process.env, HOLDFAST_URL: cluster.url, CLUSTER_SECRET: '', ...environment }
  return new Promise<{ code: number | string | null | undefined; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [main, ...args], { cwd: directory, env, timeout: 30_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stdout, stderr })
    })
  })
}

describe('StoreClient', () => {
  test('puts a replicated file, describes, replaces and gets it', async () => {
    const put = (source: Uint8Array, options = {}) =>
      client.put('dir/ä b', source, { storageClass: 'replicated', ...options })
    const { id } = await put(bytes)
    const file = await client.file(id)
    expect(file).toMatchObject({ name: 'dir/ä b', sizeBytes: bytes.length, sha256, storageClass: 'replicated' })
    // A file-server that was slow gets its copies a little later.
    await waitUntil('each of three chunks is on two file-servers', async () => {
      const counts = (await client.file(id)).chunks.map(({ locations }) => new Set(locations).size)
      return counts.join() === '2,2,2' || counts
    })
    await expect(put(Buffer.from('x'))).rejects.toMatchObject({ name: 'FILE_EXISTS', detail: undefined })
    await expect(put(Buffer.from('x'), { ifMatch: '"other"' })).rejects.toMatchObject({ name: 'PRECONDITION_FAILED' })
    await put(Buffer.from('second'), { ifMatch: file.etag })
    await expect(client.get('dir/ä b', { ifMatch: file.etag })).rejects.toMatchObject({ name: 'PRECONDITION_FAILED' })
    await put(bytes, { replace: true })
    expect((await buffer((await client.get('dir/ä b')).stream)).equals(bytes)).toBe(true)
    await client.delete('dir/ä b')
  })

  test('lists, changes and deletes files by their ids', async () => {
    for (let number = 10; number < 17; number++) await client.put(`list/${number}`, Buffer.from('x'), { expires: '1h' })
    const found = []
    for await (const file of client.files({ prefix: 'list/', limit: 3 })) found.push(file)
    expect(found.map(({ name }) => name)).toEqual([10, 11, 12, 13, 14, 15, 16].map((number) => `list/${number}`))
    const [first, second] = found
    const id = first?.id ?? ''
    expect(Date.parse(first?.expiresAt ?? '')).toBeGreaterThan(Date.now() + 3_000_000)
    await expect(client.update(id, { name: second?.name ?? '' })).rejects.toMatchObject({ name: 'FILE_EXISTS' })
    const change = { name: 'list/moved', contentType: 'text/x-own', expiresAt: new Date('2040-01-02T03:04:05Z') }
    const changed = { ...change, expiresAt: '2040-01-02T03:04:05.000Z' }
    expect(await client.update(id, change)).toMatchObject({ id, ...changed })
    expect(await client.update(id, { expiresAt: null })).toMatchObject({ expiresAt: null })
    expect(await client.deleteById(id)).toMatchObject({ id, name: 'list/moved' })
    await expect(client.file(id)).rejects.toMatchObject({ name: 'FILE_NOT_FOUND' })
  })

  test('shares by a link', async () => {
    const share = await client.share(new Blob([bytes]), { name: 'any & all.bin' })
    expect(share).toMatchObject({ name: 'any & all.bin', sha256, storageClass: 'replicated', expiresAt: null })
    const download = await client.getShare(client.urlOf(share))
    expect(download).toMatchObject({ sizeBytes: bytes.length, sha256, etag: share.etag })
    expect((await buffer(download.stream)).equals(bytes)).toBe(true)
    await client.deleteById(share.id)
    await expect(client.getShare(share.id)).rejects.toMatchObject({ name: 'FILE_NOT_FOUND' })
  })
})

describe('holdfast', () => {
  test('puts, lists, gets and deletes replicated files', async () => {
    const put = ['put', 'photo.jpg', 'hf/', '--class', 'replicated', '--expires', '7d']
    expect(await holdfast(put)).toMatchObject({ code: 0, stderr: '' })
    expect(await holdfast(put)).toMatchObject({ code: 4 })
    const { stdout, code } = await holdfast([...put, '--replace', '--json'])
    const { id } = JSON.parse(stdout)
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { filename: 'hf/photo.jpg', sha256 }])
    expect(await holdfast(['ls', 'hf'])).toMatchObject({ code: 0, stdout: 'hf/photo.jpg\n' })
    expect((await holdfast(['ls', '-l', 'hf'])).stdout).toMatch(
      new RegExp(`\\n${id}  (?:replicated|degraded) +8\\.6 MiB  20\\S+Z  20\\S+Z  hf/photo\\.jpg\\n$`),
    )
    expect(await holdfast(['get', id, 'copy.jpg'])).toMatchObject({ code: 0 })
    expect((await readFile(join(directory, 'copy.jpg'))).equals(bytes)).toBe(true)
    expect(await holdfast(['rm', id])).toMatchObject({ code: 0, stdout: 'deleted hf/photo.jpg\n' })
    expect(await holdfast(['put', 'photo.jpg', 'x', '--expires', 'never'])).toMatchObject({ code: 2 })
  })

  test('shares a file, and lists shares with the secret only', async () => {
    const { stdout } = await holdfast(['share', 'photo.jpg', '--name', 'mine.jpg', '--expires', '1h'])
    const link = stdout.trim()
    expect(Buffer.from(await (await fetch(link)).arrayBuffer()).equals(bytes)).toBe(true)
    expect(await holdfast(['get', link])).toMatchObject({ code: 0, stdout: 'saved mine.jpg as mine.jpg (8.6 MiB)\n' })
    expect(await holdfast(['ls', '--shares'])).toMatchObject({
      ...{ code: 1, stdout: '' },
      stderr: expect.stringMatching(/^holdfast: Authorization needed \(code 9\): .*--secret-file/),
    })
    const secret = { CLUSTER_SECRET: cluster.secret }
    expect(await holdfast(['ls', '--shares', 'mine'], secret)).toMatchObject({ code: 0, stdout: `${link}  mine.jpg\n` })
    const wrong = await holdfast(['ls', '--shares'], { CLUSTER_SECRET: 'the secret of another cluster' })
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('another secret') })
    expect(await holdfast(['rm', link])).toMatchObject({ code: 0, stdout: 'deleted mine.jpg\n' })
  })

  testInFull('shows zones, and chunks that lack a replica while a file-server is away', async () => {
    await cluster.fileServers[1]?.process.kill()
    await waitUntil('it is away', async () => (await cluster.activeNodes()).length === 1)
    const put = await holdfast(['put', 'photo.jpg', 'short', '--class', 'replicated'])
    expect(put).toMatchObject({ code: 0, stdout: expect.stringContaining('fewer file-servers have it yet') })
    expect((await holdfast(['ls', '-l', 'short'])).stdout).toMatch(/ {2}replicated {2}/)
    const isCounted = async (): Promise<true | Upkeep | null> => {
      const upkeep = await client.upkeep()
      return Number(upkeep?.chunks?.byReplicas['1']) >= 3 || upkeep
    }
    await waitUntil('three chunks lack a replica', isCounted, 45_000)
    const { stdout } = await holdfast(['status'])
    expect(stdout).toMatch(/^\w{16} +1 +rack-1 +active /m)
    expect(stdout).toMatch(/^Chunks of class replicated: \d+; by replicas: \d+ with 2, [1-9]\d* with 1, 0 with 0 /m)
    expect(stdout).toMatch(/^Healing: \w+/m)
    const { upkeep } = JSON.parse((await holdfast(['status', '--json'])).stdout) as { upkeep: Upkeep }
    expect(upkeep.chunks?.byReplicas).toMatchObject({ '1': expect.any(Number), '0': 0 })
  })
})
