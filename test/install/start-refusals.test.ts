import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { TestProcess } from '../cluster/test-process.ts'
import { useTestCluster } from '../cluster/use-test-cluster.ts'

const shared = useTestCluster({ fileServers: 0 })

test('a manager whose port is taken says so in one sentence, exit code 1', async () => {
  const cluster = shared()
  const bystander = createServer()
  try {
    await new Promise<void>((resolve) => bystander.listen(0, '127.0.0.1', resolve))
    const { port } = bystander.address() as { port: number }
    const second = cluster.startManagerProcess({ PORT: String(port) })
    expect(await second.exited).toBe(1)
    expect(second.lines.at(-1)?.reason).toBe(`Port ${port} on 127.0.0.1 is taken by another process.`)
  } finally {
    bystander.close()
  }
})

test('a manager by hand refuses a port that browsers and fetch refuse, and an address that is not its own', async () => {
  const cluster = shared()
  const blocked = cluster.startManagerProcess({ PORT: '10080' })
  expect(await blocked.exited).toBe(1)
  expect(blocked.lines.at(-1)?.reason).toBe(
    'PORT="10080": is a port that browsers and fetch refuse to connect to: choose another one, such as 8080',
  )
  const elsewhere = cluster.startManagerProcess({ HOST: '192.0.2.1', PORT: '8123', ALLOW_ANONYMOUS: 'true' })
  expect(await elsewhere.exited).toBe(1)
  expect(elsewhere.lines.at(-1)?.reason).toMatch(/^HOST=192\.0\.2\.1, PORT=8123: cannot listen there \(.*EADDRNOTAVAIL/)
})

describe('a file-server says in one sentence, exit code 1, that its data cannot be kept', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'holdfast-refusals-'))
    await writeFile(join(directory, 'file'), '')
    await symlink('nowhere', join(directory, 'dangling'))
  })
  afterEach(() => rm(directory, { recursive: true, force: true }))

  async function refusal(setting: 'DATA_DIR' | 'DATA_ROOT', path: string): Promise<string> {
    const refused = new TestProcess('file-server', {
      MANAGERS: 'http://127.0.0.1:9',
      CLUSTER_SECRET: 'sixteen characters',
      [setting]: resolve(directory, path),
    })
    expect(await refused.exited).toBe(1)
    return String(refused.lines.at(-1)?.reason).replaceAll(directory, 'HERE')
  }

  test.each(['DATA_DIR', 'DATA_ROOT'] as const)('in %s', async (setting) => {
    expect(await refusal(setting, 'file')).toBe('HERE/file is a file, and a directory is needed there.')
    expect(await refusal(setting, 'file/a')).toBe('HERE/file is a file, and a directory is needed there.')
    expect(await refusal(setting, 'dangling')).toBe(
      'HERE/dangling is a symbolic link to nowhere, which does not exist.',
    )
    if (process.platform !== 'linux') return
    expect(await refusal(setting, '/proc/x')).toMatch(/^\/proc\/x(\/1)? cannot be used \(ENOENT\): /)
    expect(await refusal(setting, '/sys/x')).toMatch(/^\/sys\/x(\/1)? cannot be used \((EPERM|EACCES|EROFS)\): /)
  })
})

test.runIf(process.platform === 'linux')(
  'a program that may open too few files says so before it loads its code',
  async () => {
    for (const program of ['manager', 'file-server']) {
      const script = fileURLToPath(new URL(`../../${program}/bundle/main.js`, import.meta.url))
      const child = spawn('sh', ['-c', 'ulimit -n 64 && exec "$0" "$1"', process.execPath, script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const [[code], output] = await Promise.all([once(child, 'exit'), text(child.stdout)])
      expect(code).toBe(1)
      expect(JSON.parse(output).reason).toMatch(
        /^This process may have 64 files open at a time \(ulimit -n\), and 256 are/,
      )
    }
  },
)

test('`npm run manager` refuses options, which it would not read', async () => {
  const script = fileURLToPath(new URL('../../scripts/run.mjs', import.meta.url))
  const child = spawn(process.execPath, [script, 'manager', '--data', '/proc/x'], {
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  const [[code], output] = await Promise.all([once(child, 'exit'), text(child.stderr)])
  expect(code).toBe(1)
  expect(output).toBe(
    'holdfast: npm run manager takes no options; its settings, such as PORT, are environment variables\n',
  )
})

test('a manager is open on loopback only, unless told in so many words', async () => {
  const cluster = shared()
  const exposed = cluster.startManagerProcess({ HOST: '0.0.0.0', PORT: '0' })
  expect(await exposed.exited).toBe(1)
  expect(String(exposed.lines.at(-1)?.reason)).toMatch(/everyone who reaches it can read, write and delete every file/)
})
