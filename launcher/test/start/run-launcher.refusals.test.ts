import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { anyPort, eventually, Launched, processesOf, useLauncherDirectory } from './fakes/launched.ts'

const directory = useLauncherDirectory()

describe('npm start says in one sentence and ends with exit code 1', () => {
  async function refusal(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<string> {
    const launched = new Launched(directory(), args, environment)
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
  })
})
