import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { anyPort, eventually, Launched, processesOf, useLauncherDirectory } from './fakes/launched.ts'

const directory = useLauncherDirectory()

describe('npm start says in one sentence and ends with exit code 1', () => {
  async function refusal(
    args: readonly string[],
    environment: NodeJS.ProcessEnv = {},
    fileLimit = 4096,
  ): Promise<string> {
    const launched = new Launched(directory(), args, environment, { fileLimit })
    expect(await launched.ended).toBe(1)
    return launched.output.trim().split('\n').at(-1) ?? ''
  }

  test('when the data directory is in use', async () => {
    const first = new Launched(directory(), anyPort)
    const { pid } = await first.untilRunning()
    expect(await refusal(anyPort)).toBe(`holdfast: ${directory()} is in use by process ${pid}`)
    first.signal('SIGTERM')
    expect(await first.ended).toBe(0)
  })

  test('when a data directory is of an older format, and leaves it as it is', async () => {
    const older = join(directory(), 'file-servers', '1')
    await mkdir(join(older, 'tree'), { recursive: true })
    const identity = JSON.stringify({ format: 1, radix: 36, serverId: 'a1'.repeat(8), clusterId: null })
    await writeFile(join(older, 'identity.json'), identity)
    const FILE_SERVER_SCRIPT = fileURLToPath(new URL('../../../file-server/bundle/main.js', import.meta.url))
    expect(await refusal(anyPort, { FILE_SERVER_SCRIPT })).toBe(
      `holdfast: The file-server 1 cannot start: ${older} is a data directory of format 1, and this version of Holdfast reads format 2: start the version that made it, or use an empty directory`,
    )
    expect((await readdir(older)).sort()).toEqual(['identity.json', 'tree'])
    expect(await readFile(join(older, 'identity.json'), 'utf8')).toBe(identity)
    expect(await processesOf(directory())).toEqual([])
  })

  test('when the port is taken, with nothing left running', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    try {
      await eventually(() => other.listening)
      const { port } = other.address() as AddressInfo
      expect(await refusal(['--port', String(port)])).toMatch(
        `holdfast: Port ${port} on 127.0.0.1 is taken by another process`,
      )
      expect(await processesOf(directory())).toEqual([])
    } finally {
      other.close()
    }
  })

  test('when a process says that it cannot start, with nothing left running', async () => {
    const last = await refusal(anyPort, { FAKE_CANNOT_START: 'the moon is in the wrong place' })
    expect(last).toMatch(/^holdfast: The (manager|file-server \d) cannot start: the moon is in the wrong place$/)
    expect(await processesOf(directory())).toEqual([])
  })

  test('when it would be open to everybody without being told to', async () => {
    expect(await refusal(['--host', '0.0.0.0'])).toMatch(
      /^holdfast: HOST=0\.0\.0\.0 is reachable from other machines.*ALLOW_ANONYMOUS=true/,
    )
  })

  test('when an option is wrong', async () => {
    expect(await refusal(['--file-servers', 'many'])).toMatch(/--file-servers many: must be a whole number/)
    expect(await refusal(['--port', '99999'])).toMatch(/PORT="99999": must be between 0 and 65535/)
    expect(await refusal(['--data='])).toBe('holdfast: --data: must name a directory.')
  })

  test('when browsers and fetch refuse the port', async () => {
    const reason = 'is a port that browsers and fetch refuse to connect to: choose another one, such as 8080'
    expect(await refusal(['--port', '10080'])).toBe(`holdfast: PORT="10080": ${reason}`)
    expect(await refusal([], { PORT: '6000' })).toBe(`holdfast: PORT="6000": ${reason}`)
  })

  test('when it cannot listen at that address', async () => {
    expect(await refusal(['--port', '8123', '--host', '192.0.2.1'], { ALLOW_ANONYMOUS: 'true' })).toMatch(
      /^holdfast: HOST=192\.0\.2\.1, PORT=8123: cannot listen there \(.*EADDRNOTAVAIL/,
    )
  })

  test('when the data directory cannot be one', async () => {
    await writeFile(join(directory(), 'file'), '')
    await symlink('nowhere', join(directory(), 'dangling'))
    const dataAt = (path: string) => refusal([...anyPort, '--data', join(directory(), path)])
    expect(await dataAt('file')).toBe(`holdfast: ${directory()}/file is a file, and a directory is needed there.`)
    expect(await dataAt('file/a')).toBe(`holdfast: ${directory()}/file is a file, and a directory is needed there.`)
    expect(await dataAt('dangling')).toBe(
      `holdfast: ${directory()}/dangling is a symbolic link to nowhere, which does not exist.`,
    )
  })

  test.runIf(process.platform === 'linux')('when its file system takes no new names', async () => {
    for (const path of ['/proc/x', '/sys/x', '/proc'])
      expect(await refusal([...anyPort, '--data', path])).toMatch(`holdfast: ${path} cannot be used (E`)
  })

  test.each(['logs', 'file-servers/1'])('when %s in the data directory is a file', async (name) => {
    const path = join(directory(), name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, '')
    expect(await refusal(anyPort)).toBe(`holdfast: ${path} is a file, and a directory is needed there.`)
    expect(await processesOf(directory())).toEqual([])
  })

  test.runIf(process.platform === 'linux')('when it may open too few files', async () => {
    expect(await refusal(anyPort, {}, 64)).toMatch(
      /^holdfast: This process may have 64 files open at a time \(ulimit -n\), and 256 are the least it runs with: /,
    )
  })
})
