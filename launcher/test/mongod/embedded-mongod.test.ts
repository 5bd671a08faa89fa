import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EmbeddedMongod, startEmbeddedMongod } from '@holdfast/launcher/mongod/embedded-mongod'
import { choosePort } from '@holdfast/launcher/mongod/free-port'
import { cacheSizeGb, memoryBytes, startMongodProcess } from '@holdfast/launcher/mongod/mongod-process'
import { writeMongodRecord } from '@holdfast/launcher/mongod/mongod-record'
import type { RunningProcess } from '@holdfast/launcher/processes/running-process'
import { MongoClient } from 'mongodb'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { testInFull } from '../../../test/full-run.ts'

let directory: string
let lines: string[] = []
const running: RunningProcess[] = []

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-embedded-'))
})
beforeEach(() => {
  lines = []
})
afterAll(async () => {
  for (const one of running) one.kill()
  await Promise.all(running.map((one) => one.ended))
  await rm(directory, { recursive: true, force: true })
})

async function start(): Promise<EmbeddedMongod> {
  const mongod = await startEmbeddedMongod({
    directory,
    environment: process.env,
    report: (line) => lines.push(line),
    onLogLine: () => undefined,
    signal: AbortSignal.timeout(60_000),
  })
  running.push(mongod.running)
  return mongod
}

async function withClient<T>(url: string, work: (client: MongoClient) => Promise<T>): Promise<T> {
  const client = await MongoClient.connect(url, { serverSelectionTimeoutMS: 10_000 })
  try {
    return await work(client)
  } finally {
    await client.close()
  }
}

const names = (url: string) =>
  withClient(url, async (client) => {
    const documents = await client.db('test').collection('things').find().toArray()
    return documents.map(({ name }) => name)
  })

test('caches in a sixteenth of the memory, within bounds', () => {
  expect([1, 8, 24, 512].map((gib) => cacheSizeGb(gib * 1024 ** 3))).toEqual([0.25, 0.5, 1.5, 4])
})

test('the embedded MongoDB refuses data of another series than any mongod that can be had, and says what to do', async () => {
  await mkdir(join(directory, 'db'), { recursive: true })
  await writeFile(join(directory, 'mongod.json'), JSON.stringify({ path: '/gone/mongod', version: '4.4.1', port: 1 }))
  await expect(start()).rejects.toThrow(/written by MongoDB 4\.4\.1.*\/gone\/mongod.*MONGOMS_SYSTEM_BINARY.*MONGO_URL/s)
  await rm(join(directory, 'mongod.json'))
})

/** A start takes seconds, so each test goes on with the mongod and the data that the one before it left. */
describe('the embedded MongoDB, again and again on the same data,', () => {
  let mongod: EmbeddedMongod
  const kept: string[] = []
  const insert = async (name: string): Promise<void> => {
    kept.push(name)
    const writeConcern = { w: 'majority', journal: true } as const
    await withClient(mongod.urlOf(''), (client) =>
      client.db('test').collection('things').insertOne({ name }, { writeConcern }),
    )
  }
  beforeAll(async () => {
    mongod = await start()
    await insert('from the beginning')
  })

  test('listens on loopback only, takes a sixteenth of the memory, and collects no diagnostic data', async () => {
    const options = await withClient(mongod.urlOf(''), (client) => client.db('admin').command({ getCmdLineOpts: 1 }))
    expect(options.parsed).toMatchObject({
      net: { bindIp: '127.0.0.1' },
      setParameter: { diagnosticDataCollectionEnabled: 'false', transactionLifetimeLimitSeconds: '5' },
      storage: { engine: 'wiredTiger', wiredTiger: { engineConfig: { cacheSizeGB: cacheSizeGb(memoryBytes()) } } },
    })
  })

  test('keeps which mongod made the data', async () => {
    const { binary, port } = mongod
    const record = JSON.parse(await readFile(join(directory, 'mongod.json'), 'utf8'))
    expect(record).toEqual({ path: binary.path, version: binary.version, port })
  })

  test('has its data and its address again after it was killed and restarted', async () => {
    mongod.running.kill()
    expect(await mongod.running.ended).toEqual({ how: 'signal SIGKILL', cannotStart: null })
    const again = await mongod.restart(AbortSignal.timeout(60_000))
    running.push(again)
    expect(await names(mongod.urlOf(''))).toEqual(kept)
    await insert('after the kill')
    expect(await names(mongod.urlOf(''))).toEqual(kept)
  })

  test('ends the mongod that a killed start left on its data', async () => {
    const [left] = running.slice(-1)
    mongod = await start()
    expect(await left?.ended).toMatchObject({ cannotStart: null })
    expect(lines).toContain(`mongod: stopping the one that a killed start left behind (pid ${left?.pid})`)
    expect(await names(mongod.urlOf(''))).toEqual(kept)
  })

  test('has its data on the same port after an orderly stop and a new start', async () => {
    const first = mongod
    await first.running.stop()
    mongod = await start()
    expect(mongod.port).toBe(first.port)
    expect(await names(mongod.urlOf(''))).toEqual(kept)
  })

  test('leaves a process alone that only has the number which the lock file names', async () => {
    await mongod.running.stop()
    const bystander = spawn('sleep', ['60'])
    try {
      await writeFile(join(directory, 'db', 'mongod.lock'), `${bystander.pid}\n`)
      mongod = await start()
      await insert('beside a bystander')
      expect(bystander.exitCode ?? bystander.signalCode).toBeNull()
      expect(lines.join('\n')).not.toMatch(/left behind/)
    } finally {
      bystander.kill()
      await once(bystander, 'exit')
    }
  })

  test('finds its data also when a move to another port was not noted down', async () => {
    await mongod.running.stop()
    const port = await choosePort('127.0.0.1', null)
    const { path, version } = mongod.binary
    await writeMongodRecord(directory, { path, version, port })
    mongod = await start()
    expect(mongod.port).toBe(port)
    expect(await names(mongod.urlOf(''))).toEqual(kept)
  })

  testInFull(
    'moves with its data to another port when its own is taken, even by somebody who never answers',
    async () => {
      const first = mongod
      await first.running.stop()
      const squatter = await listen(first.port)
      try {
        const second = await start()
        expect(second.port).not.toBe(first.port)
        expect(await names(second.urlOf(''))).toEqual(kept)
        expect(lines).toContain(`mongod: port ${first.port} is taken, port ${second.port} is used instead`)
        await second.running.stop()
        mongod = await start()
        expect(mongod.port).toBe(second.port)
        expect(await names(mongod.urlOf(''))).toEqual(kept)
      } finally {
        squatter.close()
      }
    },
  )

  test('fails with its reason, not with an exception, when its data cannot be opened', async () => {
    const { binary, running: last } = mongod
    await last.stop()
    await rm(join(directory, 'db'), { recursive: true })
    const missing = startMongodProcess({ binary, dbPath: join(directory, 'db'), port: 27_999, onLine: () => undefined })
    await expect(missing).rejects.toThrow(/initAndListen/)
  })
})

async function listen(port: number): Promise<Server> {
  const server = createServer()
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}
