import type { FileName } from '@holdfast/shared/file-name'
import mongoose from 'mongoose'
import { expect, inject, test } from 'vitest'
import { FaultProxy } from '../../../test/fault-proxy.ts'
import { deleteFile } from '../../src/files/delete-file.ts'
import { prepareFileModel } from '../../src/files/file.model.ts'
import { FileRecords } from '../../src/files/file-records.ts'
import { FaultCluster } from '../upkeep/fault-cluster.ts'

test('a delete that reaches the database late, after its client was told 503, takes no newer file of that name', async () => {
  await using cluster = await FaultCluster.start({ mongoUrl: inject('mongoUrl'), managers: 1, fileServers: 1 })
  const { host, port, name: database } = cluster.connection
  await using proxy = await FaultProxy.start({ host, port })
  const url = `mongodb://127.0.0.1:${proxy.port}/${database}?directConnection=true`
  const proxied = await mongoose.createConnection(url, { bufferCommands: false }).asPromise()
  try {
    const name = 'again' as FileName
    const slow = { ...cluster.first, records: new FileRecords(await prepareFileModel(proxied)) }
    const context = { requestId: 'test', log: { debug: () => undefined } as never }
    await cluster.upload(name, Buffer.from('old'))
    // An OP_MSG whose first element is `findAndModify: "files"`.
    const held = proxy.holdAt(Buffer.from('\x02findAndModify\0\x06\0\0\0files\0', 'latin1'))
    const late = deleteFile(slow, name, context).catch((error: Error) => error.name)
    await held
    expect(await late).toBe('DATABASE_UNAVAILABLE')
    await deleteFile(cluster.first, name, context)
    await cluster.upload(name, Buffer.from('new'))
    await proxy.release()
    expect((await cluster.read(name))?.toString()).toBe('new')
  } finally {
    await proxied.close()
  }
})
