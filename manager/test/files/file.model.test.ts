import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import mongoose from 'mongoose'
import { expect, inject } from 'vitest'
import { testInFull } from '../../../test/full-run.ts'
import { prepareFileModel } from '../../src/files/file.model.ts'

const SOCKET_TIMEOUT_MS = 2_000

testInFull('indexes may take longer to build than any other answer of the database', async () => {
  const { port, hostname } = new URL(inject('mongoUrl'))
  let heldCount = 0
  const proxy = createServer((client) => {
    const server = connect(Number(port), hostname)
    for (const socket of [client, server]) socket.on('error', () => undefined)
    client.on('close', () => server.destroy())
    let answered = Promise.resolve()
    client.on('data', (bytes) => {
      if (bytes.includes('createIndexes')) {
        heldCount++
        answered = delay(1.5 * SOCKET_TIMEOUT_MS)
      }
      server.write(bytes)
    })
    server.on('data', (bytes) => void answered.then(() => client.write(bytes)))
  })
  await once(proxy.listen(0, '127.0.0.1'), 'listening')
  const name = `test-${randomBytes(6).toString('hex')}`
  const url = `mongodb://127.0.0.1:${(proxy.address() as AddressInfo).port}/${name}?directConnection=true`
  const connection = await mongoose
    .createConnection(url, { socketTimeoutMS: SOCKET_TIMEOUT_MS, autoIndex: false, autoCreate: false })
    .asPromise()
  try {
    const { collection } = await prepareFileModel(connection)
    expect(heldCount).toBe(1)
    expect((await collection.indexes()).map((index) => index.name)).toContain('live_path')
  } finally {
    await connection.close()
    proxy.close()
    // It may take longer than an answer may here.
    const patient = await mongoose.createConnection(inject('mongoUrl'), { dbName: name }).asPromise()
    await patient.dropDatabase()
    await patient.close()
  }
})
