import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import type { ClusterId } from '@holdfast/shared/ids'
import { lockDirectory, pickFreeSubdirectory } from '@holdfast/shared/node/directory-lock'
import { StartError } from '@holdfast/shared/node/run-service'
import { describe, expect, it } from 'vitest'
import { put } from './new-copies.ts'
import { useDataDirectory } from './store-fixture.ts'

const data = useDataDirectory()
const clusterA = 'a'.repeat(16) as ClusterId
const clusterB = 'b'.repeat(16) as ClusterId

describe('openStore', () => {
  it('makes a new directory with an identity that stays', async () => {
    const first = await data.open()
    expect(first.clusterId).toBeNull()
    expect((await readdir(data.path())).sort()).toEqual(['identity.json', 'journal', 'lock', 'quarantine', 'tree'])
    expect(JSON.parse(await readFile(data.path('identity.json'), 'utf8'))).toEqual({
      format: 2,
      radix: 36,
      serverId: first.serverId,
      clusterId: null,
    })
    expect((await stat(data.path('identity.json'))).mode & 0o777).toBe(0o600)
    await first.close()
    expect((await data.open()).serverId).toBe(first.serverId)
  })

  it('joins one cluster and refuses every other, after a restart too', async () => {
    const first = await data.open()
    const joined = await Promise.allSettled([first.joinCluster(clusterA), first.joinCluster(clusterB)])
    expect(joined.map((result) => result.status)).toEqual(['fulfilled', 'rejected'])
    await first.joinCluster(clusterA)
    await first.close()
    const store = await data.open()
    expect(store.clusterId).toBe(clusterA)
    await expect(store.joinCluster(clusterB)).rejects.toMatchObject({ name: 'WRONG_CLUSTER' })
  })

  it('refuses a directory that another store has open', async () => {
    await data.open()
    await expect(data.open()).rejects.toThrow(`${data.path()} is in use by process ${process.pid}`)
  })

  it('opens a directory that its caller has locked', async () => {
    const { directory, lock } = await pickFreeSubdirectory(data.path())
    const store = await data.open({ dataDirectory: directory, lock })
    expect((await put(store, Buffer.from('abc'))).slot).toBe(0)
    await expect(lockDirectory(directory)).rejects.toThrow('is in use')
    await store.close()
    await (await lockDirectory(directory)).release()
  })

  it.each([
    ['format 1', { format: 1, radix: 36 }, 'format 2'],
    ['format 3', { format: 3, radix: 36 }, 'format 2'],
    ['radix 16', { format: 2, radix: 16 }, 'radix 36'],
  ])('refuses a directory of %s in one sentence', async (found, identity, readable) => {
    await mkdir(data.path(), { recursive: true })
    await writeFile(
      data.path('identity.json'),
      JSON.stringify({ ...identity, serverId: '0'.repeat(16), clusterId: null }),
    )
    const refused = expect(data.open()).rejects
    await refused.toBeInstanceOf(StartError)
    await refused.toThrow(
      `${data.path()} is a data directory of ${found}, and this version of Holdfast reads ${readable}: start the version that made it, or use an empty directory`,
    )
    expect(await readdir(data.path())).toEqual(['identity.json'])
  })

  it('refuses a damaged identity, copies without an identity, and what is not ours', async () => {
    await mkdir(data.path('tree'), { recursive: true })
    await expect(data.open()).rejects.toThrow('holds copies but no identity.json')
    await writeFile(data.path('identity.json'), '{"format":2')
    await expect(data.open()).rejects.toThrow('identity.json is damaged')
    await mkdir(data.path('photos/2024'), { recursive: true })
    const foreign = data.open({ dataDirectory: data.path('photos') })
    await expect(foreign).rejects.toThrow('photos is not empty and not a Holdfast data directory')
    await expect(foreign).rejects.toBeInstanceOf(StartError)
    expect(await readdir(data.path('photos'))).toEqual(['2024'])
  })

  it('takes a directory in which a first start was cut off, or that is a volume of its own', async () => {
    await mkdir(data.path('lost+found'), { recursive: true })
    await writeFile(data.path('identity.json.part'), '{"form')
    const store = await data.open()
    expect((await readdir(data.path())).sort()).toEqual([
      'identity.json',
      'journal',
      'lock',
      'lost+found',
      'quarantine',
      'tree',
    ])
    expect(store.serverId).toMatch(/^[0-9a-f]{16}$/)
  })

  it('fails when another process takes the directory over', { timeout: 20_000 }, async () => {
    const store = await data.open()
    await mkdir(data.path('elsewhere'))
    const other = await lockDirectory(data.path('elsewhere'))
    const { rename } = await import('node:fs/promises')
    await rename(data.path('elsewhere', 'lock'), data.path('lock'))
    await expect(store.failed).rejects.toThrow('was taken over by another process')
    await other.release()
  })
})
