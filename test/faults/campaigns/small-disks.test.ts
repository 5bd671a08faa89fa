import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { copiesIn } from '../../cluster/disk.ts'
import { upload } from '../../cluster/http.ts'
import { waitUntil } from '../../cluster/wait-until.ts'
import { checkCluster } from '../check/check-cluster.ts'
import { FaultCluster } from '../cluster/fault-cluster.ts'
import { canMakeDisks } from '../cluster/needs-root.ts'
import { SmallDisk } from '../cluster/small-disk.ts'
import { RecordedClient } from '../load/recorded-client.ts'

const MIB = 1024 * 1024

/** Starts one file-server whose data directory is on this disk. */
const startOn = (disk: SmallDisk, fileServerEnvironment: Record<string, string> = {}) =>
  FaultCluster.start({
    mongoUrl: inject('mongoUrl'),
    parent: disk.directory,
    fileServers: 1,
    managers: 1,
    fileServerEnvironment,
  })

const check = ({ view }: FaultCluster, client: RecordedClient) => checkCluster(view, client.history.operations)

test('row 11, invariants 1, 2 and 3: on a disk that fills up uploads are refused with 507, deletes work, and then uploads do', async () => {
  if (!canMakeDisks('a full disk')) return
  await using disk = await SmallDisk.make({ sizeBytes: 32 * MIB })
  // It keeps no reserve, so that the disk is full in earnest.
  await using faults = await startOn(disk, { MIN_FREE_BYTES: '0' })
  using client = new RecordedClient(faults.cluster.url)
  const stored: string[] = []
  let fullCount = 0
  const fill = async (loop: number): Promise<void> => {
    for (let index = 0; fullCount < 12; index++) {
      const name = `${loop}/${index}`
      const status = await client.upload(name, randomBytes(index % 3 === 0 ? 700_000 : 3_000))
      expect([201, 507]).toContain(status)
      if (status === 201) stored.push(name)
      else fullCount++
    }
  }
  await Promise.all([0, 1, 2, 3].map(fill))
  const refused = await upload(faults.cluster.url, 'refused', randomBytes(700_000))
  expect([refused.status, refused.code]).toEqual([507, 13])
  for (const name of stored.slice(0, 20)) expect(await client.download(name)).toBe(200)
  for (const name of stored.splice(0, stored.length / 2)) expect(await client.remove(name)).toBe(200)
  await waitUntil('uploads succeed again', async () => (await client.upload('after', randomBytes(700_000))) === 201)
  expect(await check(faults, client)).toEqual([])
}, 180_000)

test('row 14, invariants 1 and 2: on a disk without a free inode uploads are refused with 507, and taken when there are some', async () => {
  if (!canMakeDisks('a disk without inodes')) return
  await using disk = await SmallDisk.make({ sizeBytes: 64 * MIB, inodeCount: 2_000 })
  await using faults = await startOn(disk)
  using client = new RecordedClient(faults.cluster.url)
  for (let index = 0; index < 50; index++) expect(await client.upload(`before/${index}`, randomBytes(100))).toBe(201)
  const junk = join(disk.directory, 'junk')
  await mkdir(junk)
  // They are made at once, so that what the file-server knows of the disk is out of date.
  expect(() => {
    for (let index = 0; ; index++) writeFileSync(join(junk, `${index}`), '')
  }).toThrow('ENOSPC')
  for (let index = 0; index < 40; index++) expect(await client.upload(`full/${index}`, randomBytes(100))).toBe(507)
  for (let index = 0; index < 50; index += 2) expect(await client.download(`before/${index}`)).toBe(200)
  expect(await client.remove('before/0')).toBe(200)
  await rm(junk, { recursive: true })
  await waitUntil('uploads succeed again', async () => (await client.upload('after', randomBytes(100))) === 201)
  expect(await check(faults, client)).toEqual([])
}, 180_000)

test('row 15, invariants 1 and 7: on a disk that went read-only nothing is acknowledged and nothing collected, and a restart after the repair serves everything', async () => {
  if (!canMakeDisks('a disk that went read-only')) return
  await using disk = await SmallDisk.make({ sizeBytes: 128 * MIB })
  await using faults = await startOn(disk)
  const { cluster } = faults
  using client = new RecordedClient(cluster.url)
  for (let index = 0; index < 20; index++) expect(await client.upload(`kept/${index}`, randomBytes(5_000))).toBe(201)
  await disk.goReadOnly()
  for (let index = 0; index < 10; index++) {
    expect([503, 507]).toContain(await client.upload(`refused/${index}`, randomBytes(5_000 + 70_000 * (index % 5))))
  }
  await cluster.fileServers[0]?.process.kill()
  await disk.repair()
  await cluster.restartFileServer(0)
  await cluster.settled()
  for (let index = 0; index < 20; index++) expect(await client.download(`kept/${index}`)).toBe(200)
  expect(await client.upload('after', randomBytes(5_000))).toBe(201)
  expect(await check(faults, client)).toEqual([])
}, 180_000)

test('row 15, invariant 7: a data directory that was moved away takes no files with it, and has them all when it is back', async () => {
  await using faults = await FaultCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 1, managers: 1 })
  const { cluster } = faults
  using client = new RecordedClient(cluster.url)
  for (let index = 0; index < 20; index++) expect(await client.upload(`kept/${index}`, randomBytes(5_000))).toBe(201)
  const directory = cluster.fileServers[0]?.directory ?? ''
  await rename(directory, `${directory}.away`)
  for (let index = 0; index < 5; index++) {
    expect([503, 507]).toContain(await client.upload(`refused/${index}`, randomBytes(5_000)))
    expect(await client.download(`kept/${index}`)).toBe(503)
  }
  // With an empty directory in its place it is a new file-server, and knows nothing of the other one's files.
  await cluster.fileServers[0]?.process.kill()
  await rm(directory, { recursive: true, force: true })
  await cluster.restartFileServer(0)
  await cluster.settled()
  const passes = () => copiesIn([`${directory}.away`])
  for (let index = 0; index < 5; index++) expect(await client.download(`kept/${index}`)).toBe(503)
  expect(await passes()).toHaveLength(20)
  await cluster.fileServers[0]?.process.kill()
  await rm(directory, { recursive: true })
  await rename(`${directory}.away`, directory)
  await cluster.restartFileServer(0)
  await cluster.settled()
  for (let index = 0; index < 20; index++) expect(await client.download(`kept/${index}`)).toBe(200)
  expect(await check(faults, client)).toEqual([])
}, 120_000)

test('row 15, invariants 1 and 3: disks that were exchanged between two file-servers are told by what is written on them', async () => {
  await using faults = await FaultCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 2, managers: 1 })
  const { cluster } = faults
  using client = new RecordedClient(cluster.url)
  for (let index = 0; index < 40; index++) expect(await client.upload(`kept/${index}`, randomBytes(5_000))).toBe(201)
  const [first = '', second = ''] = cluster.directories
  for (const { process } of cluster.fileServers) await process.kill()
  await rename(first, `${first}.moving`)
  await rename(second, first)
  await rename(`${first}.moving`, second)
  for (const index of cluster.fileServers.keys()) await cluster.restartFileServer(index)
  await cluster.settled()
  for (let index = 0; index < 40; index++) expect(await client.download(`kept/${index}`)).toBe(200)
  expect(await check(faults, client)).toEqual([])
}, 120_000)
