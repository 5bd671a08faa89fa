import { connect } from 'node:net'
import { MongoClient } from 'mongodb'
import { describe, expect, test } from 'vitest'
import { anyPort, eventually, Launched, processesOf, useLauncherDirectory } from './fakes/launched.ts'

const directory = useLauncherDirectory()

describe('npm start with the embedded MongoDB', () => {
  test('has everything again after it was killed, and no process outlives it for long', async () => {
    const first = new Launched(directory(), anyPort, { MONGO_URL: '' })
    const { mongoUrl } = await first.untilRunning()
    const client = await MongoClient.connect(mongoUrl)
    await client
      .db()
      .collection('files')
      .insertOne({ name: 'kept' }, { writeConcern: { w: 'majority', journal: true } })
    await client.close()
    first.signal('SIGKILL')
    await first.ended
    const second = new Launched(directory(), anyPort, { MONGO_URL: '' })
    const run = await second.untilRunning()
    const again = await MongoClient.connect(run.mongoUrl)
    expect(await again.db().collection('files').countDocuments({ name: 'kept' })).toBe(1)
    await again.close()
    second.signal('SIGKILL')
    await second.ended
    await eventually(async () => (await processesOf(directory())).length === 0)
  }, 180_000)

  test('starts mongod again after it was killed, and stops it last', async () => {
    const launched = new Launched(directory(), anyPort, { MONGO_URL: '' })
    const { mongoUrl } = await launched.untilRunning()
    process.kill(Number(/mongod +pid (\d+)/.exec(launched.output)?.[1]), 'SIGKILL')
    await launched.until(/mongod ended \(signal SIGKILL\); it is started again in \d\.\d s/)
    await launched.until(/mongod runs again/)
    const client = await MongoClient.connect(mongoUrl)
    expect((await client.db('admin').command({ hello: 1 })).isWritablePrimary).toBe(true)
    await client.close()
    launched.signal('SIGTERM')
    expect(await launched.ended).toBe(0)
    expect(await processesOf(directory())).toEqual([])
    await expect(connects(Number(new URL(mongoUrl).port))).resolves.toBe(false)
  }, 180_000)
})

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => resolve(socket.destroy() !== null))
    socket.on('error', () => resolve(false))
  })
}
