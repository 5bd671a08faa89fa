import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { lockDirectory } from '@holdfast/shared/node/directory-lock'
import { MongoClient } from 'mongodb'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eventually, Launched, processesOf } from './fakes/launched.ts'

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-launcher-'))
})
afterEach(async () => {
  for (const pid of await processesOf(directory)) process.kill(pid, 'SIGKILL')
  await eventually(async () => (await processesOf(directory)).length === 0)
  await rm(directory, { recursive: true, force: true })
})

const anyPort = ['--port', '0']
const logTimeOf = async (process: string, message: string): Promise<number> => {
  const lines = (await readFile(join(directory, 'logs', `${process}.log`), 'utf8')).trim().split('\n')
  return lines.map((line) => JSON.parse(line)).find((line) => line.message === message)?.time
}
const nodeNames = async (url: string): Promise<string[]> => {
  const nodes = (await (await fetch(`${url}/active-nodes`)).json()) as { name: string }[]
  return nodes.map(({ name }) => name).sort()
}
const startsOf = async (number: number): Promise<number[]> =>
  (await readFile(join(directory, 'file-servers', String(number), 'starts'), 'utf8')).trim().split('\n').map(Number)

describe('npm start', () => {
  test('starts a manager and three file-servers, and says what runs where and what to try', async () => {
    const launched = new Launched(directory, anyPort)
    const { managerUrl } = await launched.untilRunning()
    expect(await nodeNames(managerUrl)).toEqual(['1', '2', '3'])
    expect(launched.output).toMatch(
      /manager listens at http:\/\/127\.0\.0\.1:\d+ \(\d+\.\d s\)\n(.*\n)* {2}3 of 3 file-servers connected/,
    )
    expect(launched.output).toMatch(/file-server 2 {2}pid \d+ +\S+\/file-servers\/2\n/)
    expect(launched.output).toContain(`curl ${managerUrl}/file/hello.txt`)
    expect(launched.output).toContain('file-server 2 | warn: hello {"threads":"16"}')
  })

  test('keeps a run file and a secret that only its user can read, and takes the run file away at the end', async () => {
    const launched = new Launched(directory, anyPort)
    const run = await launched.untilRunning()
    const secret = (await readFile(join(directory, 'cluster-secret'), 'utf8')).trim()
    expect(secret).toMatch(/^[0-9a-f]{64}$/)
    expect(run).toMatchObject({ clusterSecret: secret, fileServersDirectory: join(directory, 'file-servers') })
    for (const name of ['run.json', 'cluster-secret'])
      expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600)
    launched.signal('SIGTERM')
    expect(await launched.ended).toBe(0)
    await expect(stat(join(directory, 'run.json'))).rejects.toThrow('ENOENT')
    expect((await readFile(join(directory, 'cluster-secret'), 'utf8')).trim()).toBe(secret)
  })

  test('stops the manager first, then the file-servers, after a Ctrl-C that reaches none of them directly', async () => {
    const launched = new Launched(directory, anyPort)
    await launched.untilRunning()
    launched.pressCtrlC()
    expect(await launched.ended).toBe(0)
    expect(await processesOf(directory)).toEqual([])
    const managerStoppedAt = await logTimeOf('manager', 'stopped')
    for (const number of [1, 2, 3]) {
      expect(await logTimeOf(`file-server-${number}`, 'stopped')).toBeGreaterThanOrEqual(managerStoppedAt)
      expect(await logTimeOf(`file-server-${number}`, 'a Ctrl-C reached a child')).toBeUndefined()
    }
  })

  test('kills everything on a second Ctrl-C', async () => {
    const launched = new Launched(directory, anyPort, { FAKE_STUBBORN: 'yes' })
    await launched.untilRunning()
    launched.pressCtrlC()
    await launched.until('Stopping')
    // Until npm's copy of the first one cannot be meant any more, it counts as one press.
    await eventually(() => {
      launched.signal('SIGINT')
      return launched.output.includes('Killing everything.')
    })
    expect(await launched.ended).toBe(1)
    await eventually(async () => (await processesOf(directory)).length === 0)
  })

  test('starts a manager and a file-server again after they were killed', async () => {
    const launched = new Launched(directory, anyPort)
    const { managerUrl } = await launched.untilRunning()
    const [pid = 0] = await startsOf(2)
    process.kill(pid, 'SIGKILL')
    await launched.until(/file-server 2 ended \(signal SIGKILL\); it is started again in \d\.\d s/)
    await launched.until(/file-server 2 runs again \(pid \d+\)/)
    await eventually(async () => (await nodeNames(managerUrl)).includes('2') && (await startsOf(2)).length === 2)
    process.kill(Number(/manager +pid (\d+)/.exec(launched.output)?.[1]), 'SIGKILL')
    await launched.until(/manager runs again/)
    await eventually(async () => (await nodeNames(managerUrl).catch(() => [])).length === 3)
  })

  test('starts every data directory that it finds, and more where more are wanted', async () => {
    for (const number of [1, 2, 5]) await mkdir(join(directory, 'file-servers', String(number)), { recursive: true })
    const fewer = new Launched(directory, [...anyPort, '--file-servers', '1'])
    expect(await nodeNames((await fewer.untilRunning()).managerUrl)).toEqual(['1', '2', '5'])
    fewer.signal('SIGTERM')
    await fewer.ended
    const more = new Launched(directory, [...anyPort, '--file-servers', '4'])
    expect(await nodeNames((await more.untilRunning()).managerUrl)).toEqual(['1', '2', '3', '5'])
  })

  test('leaves a data directory alone that a file-server of somebody else works in', async () => {
    await mkdir(join(directory, 'file-servers', '2'), { recursive: true })
    const lock = await lockDirectory(join(directory, 'file-servers', '2'))
    try {
      const launched = new Launched(directory, [...anyPort, '--file-servers', '2'])
      expect(await nodeNames((await launched.untilRunning()).managerUrl)).toEqual(['1'])
      expect(launched.output).toContain('file-server 2 runs already, started by someone else')
    } finally {
      await lock.release()
    }
  })
})

describe('npm start says in one sentence and ends with exit code 1', () => {
  async function refusal(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<string> {
    const launched = new Launched(directory, args, environment)
    expect(await launched.ended).toBe(1)
    return launched.output.trim().split('\n').at(-1) ?? ''
  }

  test('when the data directory is in use', async () => {
    const first = new Launched(directory, anyPort)
    const { pid } = await first.untilRunning()
    expect(await refusal(anyPort)).toBe(`holdfast: ${directory} is in use by process ${pid}`)
    first.signal('SIGTERM')
    expect(await first.ended).toBe(0)
  })

  test('when the port is taken, with nothing left running', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    try {
      await eventually(() => other.listening)
      const { port } = other.address() as AddressInfo
      expect(await refusal(['--port', String(port)])).toMatch(
        `holdfast: Port ${port} on 127.0.0.1 is taken by another process`,
      )
      expect(await processesOf(directory)).toEqual([])
    } finally {
      other.close()
    }
  })

  test('when a process says that it cannot start, with nothing left running', async () => {
    const last = await refusal(anyPort, { FAKE_CANNOT_START: 'the moon is in the wrong place' })
    expect(last).toMatch(/^holdfast: The (manager|file-server \d) cannot start: the moon is in the wrong place$/)
    expect(await processesOf(directory)).toEqual([])
  })

  test('when a data directory is of an older format, and leaves it as it is', async () => {
    const older = join(directory, 'file-servers', '1')
    await mkdir(join(older, 'tree'), { recursive: true })
    const identity = JSON.stringify({ format: 1, radix: 36, serverId: 'a1'.repeat(8), clusterId: null })
    await writeFile(join(older, 'identity.json'), identity)
    const FILE_SERVER_SCRIPT = fileURLToPath(new URL('../../../file-server/dist/main.js', import.meta.url))
    expect(await refusal(anyPort, { FILE_SERVER_SCRIPT })).toBe(
      `holdfast: The file-server 1 cannot start: ${older} is a data directory of format 1, and this version of Holdfast reads format 2: start the version that made it, or use an empty directory`,
    )
    expect((await readdir(older)).sort()).toEqual(['identity.json', 'tree'])
    expect(await readFile(join(older, 'identity.json'), 'utf8')).toBe(identity)
    expect(await processesOf(directory)).toEqual([])
  })

  test('when it would be open to everybody without being told to', async () => {
    expect(await refusal(['--host', '0.0.0.0'])).toMatch(
      /^holdfast: HOST=0\.0\.0\.0 is reachable from other machines.*ALLOW_ANONYMOUS=true/,
    )
  })

  test('when an option is wrong', async () => {
    expect(await refusal(['--file-servers', 'many'])).toMatch(/--file-servers many: must be a whole number/)
    expect(await refusal(['--port', '99999'])).toMatch(/PORT="99999": must be between 0 and 65535/)
  })
})

describe('npm start with the embedded MongoDB', () => {
  test('has everything again after it was killed, and no process outlives it for long', async () => {
    const first = new Launched(directory, anyPort, { MONGO_URL: '' })
    const { mongoUrl } = await first.untilRunning()
    const client = await MongoClient.connect(mongoUrl)
    await client
      .db()
      .collection('files')
      .insertOne({ name: 'kept' }, { writeConcern: { w: 'majority', journal: true } })
    await client.close()
    first.signal('SIGKILL')
    await first.ended
    const second = new Launched(directory, anyPort, { MONGO_URL: '' })
    const run = await second.untilRunning()
    const again = await MongoClient.connect(run.mongoUrl)
    expect(await again.db().collection('files').countDocuments({ name: 'kept' })).toBe(1)
    await again.close()
    second.signal('SIGKILL')
    await second.ended
    await eventually(async () => (await processesOf(directory)).length === 0)
  }, 60_000)

  test('starts mongod again after it was killed, and stops it last', async () => {
    const launched = new Launched(directory, anyPort, { MONGO_URL: '' })
    const { mongoUrl } = await launched.untilRunning()
    process.kill(Number(/mongod +pid (\d+)/.exec(launched.output)?.[1]), 'SIGKILL')
    await launched.until(/mongod ended \(signal SIGKILL\); it is started again in \d\.\d s/)
    await launched.until(/mongod runs again/)
    const client = await MongoClient.connect(mongoUrl)
    expect((await client.db('admin').command({ hello: 1 })).isWritablePrimary).toBe(true)
    await client.close()
    launched.signal('SIGTERM')
    expect(await launched.ended).toBe(0)
    expect(await processesOf(directory)).toEqual([])
    await expect(connects(Number(new URL(mongoUrl).port))).resolves.toBe(false)
  }, 60_000)
})

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => resolve(socket.destroy() !== null))
    socket.on('error', () => resolve(false))
  })
}
