import { spawnSync } from 'node:child_process'
import { mkdir, open, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { lockDirectory } from '@holdfast/shared/node/directory-lock'
import { describe, expect, test } from 'vitest'
import { anyPort, eventually, Launched, processesOf, useLauncherDirectory } from './fakes/launched.ts'

const directory = useLauncherDirectory()
const logTimeOf = async (process: string, message: string): Promise<number> => {
  const lines = (await readFile(join(directory(), 'logs', `${process}.log`), 'utf8')).trim().split('\n')
  return lines.map((line) => JSON.parse(line)).find((line) => line.message === message)?.time
}
const nodeNames = async (url: string): Promise<string[]> => {
  const nodes = (await (await fetch(`${url}/active-nodes`)).json()) as { name: string }[]
  return nodes.map(({ name }) => name).sort()
}
const expectNodes = (url: string, names: readonly string[]): Promise<void> =>
  eventually(
    async () => isDeepStrictEqual(await nodeNames(url), names),
    () => `the file-servers are not ${names.join()}`,
  )
const startsOf = async (number: number): Promise<number[]> =>
  (await readFile(join(directory(), 'file-servers', String(number), 'starts'), 'utf8')).trim().split('\n').map(Number)

describe('npm start', () => {
  test('starts a manager and three file-servers, and says what runs where and what to try', async () => {
    const launched = new Launched(directory(), anyPort)
    const { managerUrl } = await launched.untilRunning()
    await expectNodes(managerUrl, ['1', '2', '3'])
    expect(launched.output).toMatch(
      /manager listens at http:\/\/127\.0\.0\.1:\d+ \(\d+\.\d s\)\n(.*\n)* {2}3 of 3 file-servers connected/,
    )
    expect(launched.output).toMatch(/file-server 2 {2}pid \d+ +\S+\/file-servers\/2\n/)
    expect(launched.output).toContain(`curl ${managerUrl}/file/hello.txt`)
    expect(launched.output).toContain('file-server 2 | warn: hello {"threads":"16"}')
  })

  test('runs on where what it prints finds no room', async () => {
    await using full = await open('/dev/full', 'w')
    const launched = new Launched(directory(), anyPort, {}, { stdout: full.fd })
    const isThere = (name: string): Promise<boolean> =>
      stat(join(directory(), name)).then(
        () => true,
        () => false,
      )
    await eventually(
      () => isThere('run.json'),
      () => launched.output,
    )
    const { managerUrl } = JSON.parse(await readFile(join(directory(), 'run.json'), 'utf8'))
    await eventually(async () => (await nodeNames(managerUrl)).length === 3)
    launched.signal('SIGTERM')
    expect(await launched.ended).toBe(0)
    expect(launched.output).not.toContain('ENOSPC')
  })

  test('keeps a run file and a secret that only its user can read, and takes the run file away at the end', async () => {
    const launched = new Launched(directory(), anyPort)
    const run = await launched.untilRunning()
    const secret = (await readFile(join(directory(), 'cluster-secret'), 'utf8')).trim()
    expect(secret).toMatch(/^[0-9a-f]{64}$/)
    expect(run).toMatchObject({ clusterSecret: secret, fileServersDirectory: join(directory(), 'file-servers') })
    for (const name of ['run.json', 'cluster-secret'])
      expect((await stat(join(directory(), name))).mode & 0o777).toBe(0o600)
    launched.signal('SIGTERM')
    expect(await launched.ended).toBe(0)
    await expect(stat(join(directory(), 'run.json'))).rejects.toThrow('ENOENT')
    expect((await readFile(join(directory(), 'cluster-secret'), 'utf8')).trim()).toBe(secret)
  })

  test('stops the manager first, then the file-servers, after a Ctrl-C that reaches none of them directly', async () => {
    const launched = new Launched(directory(), anyPort)
    await launched.untilRunning()
    launched.pressCtrlC()
    expect(await launched.ended).toBe(0)
    expect(await processesOf(directory())).toEqual([])
    const managerStoppedAt = await logTimeOf('manager', 'stopped')
    for (const number of [1, 2, 3]) {
      expect(await logTimeOf(`file-server-${number}`, 'stopped')).toBeGreaterThanOrEqual(managerStoppedAt)
      expect(await logTimeOf(`file-server-${number}`, 'a Ctrl-C reached a child')).toBeUndefined()
    }
  })

  test('kills everything on a second Ctrl-C', async () => {
    const launched = new Launched(directory(), anyPort, { FAKE_STUBBORN: 'yes' })
    await launched.untilRunning()
    launched.pressCtrlC()
    await launched.until('Stopping')
    // A signal counts as npm's copy of the first one for a while, so the test sends it until it counts as a second.
    await eventually(() => {
      launched.signal('SIGINT')
      return launched.output.includes('Killing everything.')
    })
    expect(await launched.ended).toBe(1)
    await eventually(async () => (await processesOf(directory())).length === 0)
  })

  test('starts a manager and a file-server again after they were killed', async () => {
    const launched = new Launched(directory(), anyPort)
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
    for (const number of [1, 2, 5]) await mkdir(join(directory(), 'file-servers', String(number)), { recursive: true })
    const fewer = new Launched(directory(), [...anyPort, '--file-servers', '1'])
    await expectNodes((await fewer.untilRunning()).managerUrl, ['1', '2', '5'])
    fewer.signal('SIGTERM')
    await fewer.ended
    const more = new Launched(directory(), [...anyPort, '--file-servers', '4'])
    await expectNodes((await more.untilRunning()).managerUrl, ['1', '2', '3', '5'])
  })

  test('leaves a data directory alone that a file-server of somebody else works in', async () => {
    await mkdir(join(directory(), 'file-servers', '2'), { recursive: true })
    const lock = await lockDirectory(join(directory(), 'file-servers', '2'))
    try {
      const launched = new Launched(directory(), [...anyPort, '--file-servers', '2'])
      await expectNodes((await launched.untilRunning()).managerUrl, ['1'])
      expect(launched.output).toContain('file-server 2 runs already, started by someone else')
    } finally {
      await lock.release()
    }
  })

  test('waits for a file-server of a killed start that still works in its data directory, and starts it', async () => {
    await mkdir(join(directory(), 'file-servers', '2'), { recursive: true })
    const { pid } = spawnSync('true')
    const text = ''
    const run = { pid, managerUrl: text, clusterSecret: text, fileServersDirectory: text, mongoUrl: text }
    await writeFile(join(directory(), 'run.json'), JSON.stringify(run))
    const lock = await lockDirectory(join(directory(), 'file-servers', '2'))
    const launched = new Launched(directory(), [...anyPort, '--file-servers', '2'])
    await launched.until(/file-server 2 (of the killed start|runs already)/).finally(() => lock.release())
    await expectNodes((await launched.untilRunning()).managerUrl, ['1', '2'])
  })
})
