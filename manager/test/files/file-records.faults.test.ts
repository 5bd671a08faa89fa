import { randomBytes } from 'node:crypto'
import type { FileName } from '@holdfast/shared/file-name'
import mongoose from 'mongoose'
import { expect, inject } from 'vitest'
import { ChaosProxy } from '../../../test/faults/chaos-proxy.ts'
import { testInFull } from '../../../test/full-run.ts'
import { deleteFile } from '../../src/files/delete-file.ts'
import { prepareFileModel } from '../../src/files/file.model.ts'
import { FileRecords } from '../../src/files/file-records.ts'
import { FaultCluster, type ManagerDeps } from '../upkeep/fault-cluster.ts'

const name = 'late' as FileName

/** A command travels as an OP_MSG whose first element is `command: "files"`, so its bytes begin like this. */
const commandOn = (command: string): Buffer => Buffer.from(`\x02${command}\0\x06\0\0\0files\0`, 'latin1')

/** Starts a cluster with a second manager whose way to the database can be held up. */
async function withSlowManager(
  work: (cluster: FaultCluster, slow: ManagerDeps, proxy: ChaosProxy) => Promise<void>,
): Promise<void> {
  await using cluster = await FaultCluster.start({ mongoUrl: inject('mongoUrl'), managers: 1, fileServers: 1 })
  const { host, port, name: database } = cluster.connection
  await using proxy = await ChaosProxy.start({ host, port })
  const url = `mongodb://127.0.0.1:${proxy.port}/${database}?directConnection=true`
  const proxied = await mongoose.createConnection(url, { bufferCommands: false }).asPromise()
  try {
    await work(cluster, { ...cluster.first, records: new FileRecords(await prepareFileModel(proxied)) }, proxy)
  } finally {
    await proxied.close()
  }
}

testInFull(
  'a delete that reaches the database late, after its client was told 503, takes no newer file of that name',
  () =>
    withSlowManager(async (cluster, slow, proxy) => {
      const context = { requestId: 'test', log: { debug: () => undefined } as never }
      await cluster.upload(name, Buffer.from('old'))
      const held = proxy.holdAt(commandOn('update'))
      const late = deleteFile(slow, name, context).catch((error: Error) => error.name)
      await held
      expect(await late).toBe('DATABASE_UNAVAILABLE')
      await deleteFile(cluster.first, name, context)
      await cluster.upload(name, Buffer.from('new'))
      await proxy.releaseAndAnswer()
      expect((await cluster.read(name))?.toString()).toBe('new')
    }),
)

testInFull('a record that is still on its way at the deadline is not acknowledged, and its bytes stay for it', () =>
  withSlowManager(async (cluster, slow, proxy) => {
    const bytes = randomBytes(5_000)
    const held = proxy.holdAt(commandOn('insert'))
    const late = cluster.upload(name, bytes, slow).then(
      () => 'acknowledged',
      (error: Error) => error.name,
    )
    await held
    expect(await late).toBe('DATABASE_UNAVAILABLE')
    expect(await cluster.read(name)).toBeNull()
    await proxy.releaseAndAnswer()
    expect((await cluster.read(name))?.equals(bytes)).toBe(true)
  }),
)
