import { randomBytes } from 'node:crypto'
import { expect, inject } from 'vitest'
import { copiesIn } from './cluster/disk.ts'
import { download, upload } from './cluster/http.ts'
import { TestCluster } from './cluster/test-cluster.ts'
import { waitUntil } from './cluster/wait-until.ts'
import { testInFull } from './full-run.ts'

testInFull(
  'files are spread evenly, and a file-server that joins is filled while every file stays readable',
  async () => {
    const managerEnvironment = { UPKEEP_EVERY_MS: '200', REBALANCE_THRESHOLD: '10', RECONCILE_EVERY_MS: '1000' }
    await using cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), managerEnvironment })
    const files = Array.from({ length: 120 }, (_, index) => ({
      name: `f/${index}`,
      bytes: randomBytes(index % 7 === 0 ? 400_000 : 2_000),
    }))
    const waiting = [...files]
    const send = async (): Promise<void> => {
      for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
        expect((await upload(cluster.url, file.name, file.bytes)).status).toBe(201)
      }
    }
    await Promise.all(Array.from({ length: 8 }, send))
    const counts = async () => (await cluster.activeNodes()).map((node) => node.files)
    await waitUntil('all files are counted, each once', async () => {
      const now = await counts()
      return now.reduce((a, b) => a + b) === files.length || now
    })
    const before = await counts()
    expect(Math.max(...before) - Math.min(...before)).toBeLessThanOrEqual(8)

    cluster.addFileServer()
    let isMoving = true
    const unreadable: string[] = []
    const read = async (offset: number): Promise<number> => {
      let readCount = 0
      for (let index = offset; isMoving; index = (index + 7) % files.length, readCount++) {
        const file = files[index]
        if (file === undefined) break
        const { status, body } = await download(cluster.url, file.name)
        if (status !== 200 || !body.equals(file.bytes)) unreadable.push(`${file.name}: ${status}`)
      }
      return readCount
    }
    const readers = [read(0), read(1), read(2)]
    await waitUntil(
      'the new file-server has its share',
      async () => {
        const now = await counts()
        return (now.length === 4 && Math.max(...now) - Math.min(...now) <= 10) || now
      },
      40_000,
    )
    isMoving = false
    const readCounts = await Promise.all(readers)
    expect(unreadable).toEqual([])
    expect(Math.min(...readCounts)).toBeGreaterThan(5)
    await waitUntil('one copy of each file is left', async () => {
      const copies = await copiesIn(cluster.directories)
      return copies.length === files.length || copies.length
    })
    for (const { name, bytes } of files) expect((await download(cluster.url, name)).body.equals(bytes)).toBe(true)
    const lines = cluster.managers[0]?.process.lines ?? []
    await waitUntil('it says that it is done', () => lines.some((line) => line.message === 'rebalanced'))
    expect(lines.some((line) => line.message === 'rebalancing starts')).toBe(true)
  },
  90_000,
)
