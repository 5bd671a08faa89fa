import { randomBytes } from 'node:crypto'
import { cp, rm } from 'node:fs/promises'
import { expect, inject, test } from 'vitest'
import { checkCluster } from '../check/check-cluster.ts'
import { FaultCluster } from '../cluster/fault-cluster.ts'
import { RecordedClient } from '../load/recorded-client.ts'

test('row 35, invariants 1 and 3: a second file-server with the identity of the first, on a copy of its disk, is refused while that is connected, and costs no file', async () => {
  await using faults = await FaultCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 1, managers: 1 })
  const { cluster, view } = faults
  using client = new RecordedClient(cluster.url)
  for (let index = 0; index < 20; index++) expect(await client.upload(`kept/${index}`, randomBytes(3_000))).toBe(201)
  await cluster.fileServers[0]?.process.kill()
  const directory = cluster.fileServers[0]?.directory ?? ''
  const copy = `${directory}.copy`
  await cp(directory, copy, { recursive: true, filter: (path) => !/\/lock[^/]*$/.test(path) })
  await cluster.restartFileServer(0)
  await cluster.settled()

  cluster.addFileServer({ DATA_DIR: copy })
  const second = cluster.fileServers[1]?.process
  const refusal = await cluster.managers[0]?.process.line(({ message }) => message === 'file-server refused')
  expect(refusal).toMatchObject({ error: 'FORBIDDEN', detail: 'a file-server with this id is connected already' })
  expect(second?.isRunning).toBe(true)
  // The second one does not have what the first one stores, so only one of them may be asked.
  for (let index = 0; index < 20; index++) expect(await client.upload(`after/${index}`, randomBytes(3_000))).toBe(201)
  for (let index = 0; index < 20; index++) expect(await client.download(`after/${index}`)).toBe(200)
  expect(await cluster.activeNodes()).toHaveLength(1)
  await second?.kill()
  await rm(copy, { recursive: true })
  expect(await checkCluster({ ...view, directories: [directory] }, client.history.operations)).toEqual([])
}, 120_000)
