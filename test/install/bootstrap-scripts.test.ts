import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { builtWorkspaces, findNeeded, isInstalled, peerWorkspaces } from '../../scripts/bootstrap.mjs'
import { digestOf, isBundled, noteOf } from '../../scripts/bundles.mjs'
import { countTests, filesOfTwoSizes, filesToRepeat, mergeReports } from '../../scripts/test.mjs'

const scripts = fileURLToPath(new URL('../../scripts', import.meta.url))
let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-bootstrap-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** @returns the exit code of a process that runs this code as a module. */
async function runModule(code: string): Promise<number | null> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'ignore' })
  const [exitCode] = await once(child, 'exit')
  return exitCode
}

describe('what is installed', () => {
  const entry = { version: '1.0.0', integrity: 'sha512-a', resolved: 'https://registry/a' }
  const lock = { '': {}, 'node_modules/a': entry, 'node_modules/b': { ...entry, optional: true } }

  function writeLocks(wanted: object, installed: object | null): void {
    writeFileSync(join(directory, 'package-lock.json'), JSON.stringify({ packages: wanted }))
    if (installed === null) return
    mkdirSync(join(directory, 'node_modules'))
    writeFileSync(join(directory, 'node_modules', '.package-lock.json'), JSON.stringify({ packages: installed }))
  }

  test.each([
    ['the same packages', { 'node_modules/a': entry }, true],
    ['another version', { 'node_modules/a': { ...entry, version: '1.0.1' } }, false],
    ['other bytes', { 'node_modules/a': { ...entry, integrity: 'sha512-b' } }, false],
    ['nothing', {}, false],
    ['no note of an install', null, false],
  ])('with %s agrees with package-lock.json: %j', (_name, installed, expected) => {
    writeLocks(lock, installed)
    expect(isInstalled(directory)).toBe(expected)
  })
})

describe('what a workspace needs', () => {
  const lock = {
    '': { devDependencies: { 'test-tool': '1' } },
    web: { dependencies: { '@holdfast/shared': '0' }, devDependencies: { bundler: '1' } },
    shared: { dependencies: { log: '2' } },
    test: { devDependencies: { browser: '1' } },
    'node_modules/@holdfast/shared': { link: true, resolved: 'shared' },
    'node_modules/bundler': { dependencies: { log: '1' }, optionalDependencies: { 'not-here': '1' } },
    'node_modules/bundler/node_modules/log': {},
    'node_modules/log': {},
    'node_modules/browser': {},
    'node_modules/test-tool': {},
  }

  test('is what it names, what that names, and the nearest of each; not what tests need', () => {
    expect(findNeeded(lock, ['web']).sort()).toEqual([
      'node_modules/@holdfast/shared',
      'node_modules/bundler',
      'node_modules/bundler/node_modules/log',
      'node_modules/log',
      'shared',
      'web',
    ])
  })

  test('is enough for a start, and not for the tests', () => {
    const packages: Record<string, object> = Object.fromEntries(
      Object.entries(lock).filter(([path]) => !/browser|test-tool/.test(path)),
    )
    writeFileSync(join(directory, 'package-lock.json'), JSON.stringify({ packages: lock }))
    mkdirSync(join(directory, 'node_modules'))
    writeFileSync(join(directory, 'node_modules', '.package-lock.json'), JSON.stringify({ packages }))
    expect(isInstalled(directory, ['web'])).toBe(true)
    expect(isInstalled(directory)).toBe(false)
  })

  test('what npm start installs has nothing of the peer, whose first use installs it', () => {
    const { packages } = JSON.parse(readFileSync(join(scripts, '../package-lock.json'), 'utf8'))
    expect(findNeeded(packages, builtWorkspaces).join()).not.toMatch(/webtorrent|bittorrent|utp-native/)
    expect(findNeeded(packages, peerWorkspaces)).toEqual(
      expect.arrayContaining(['node_modules/webtorrent', 'node_modules/utp-native', 'peer/no-webrtc']),
    )
  })
})

describe('a bundle', () => {
  const files = ['manager/dist/main.js', 'manager/dist/audio/thread.js', 'shared/dist/ids.js', 'package-lock.json']
  const others = ['manager/package.json', 'shared/package.json', 'peer/no-webrtc/webrtc.js', 'scripts/bundle.mjs']

  test('counts as made while it is whole and all that it was made of is the same', () => {
    for (const file of [...files, ...others, 'manager/bundle/main.js']) {
      mkdirSync(dirname(join(directory, file)), { recursive: true })
      writeFileSync(join(directory, file), file)
    }
    expect(isBundled('manager', directory)).toBe(false)
    writeFileSync(noteOf('manager', directory), digestOf('manager', directory))
    expect(isBundled('manager', directory)).toBe(true)
    for (const file of [...files, ...others]) {
      writeFileSync(join(directory, file), 'changed')
      expect([file, isBundled('manager', directory)]).toEqual([file, false])
      writeFileSync(join(directory, file), file)
    }
    expect(isBundled('manager', directory)).toBe(true)
    writeFileSync(join(directory, 'shared/dist/new.js'), '')
    expect(isBundled('manager', directory)).toBe(false)
  })
})

describe('the bootstrap lock', () => {
  const locked = (work: string) => `
    import { appendFileSync } from 'node:fs'
    import { setImmediate as nextTurn } from 'node:timers/promises'
    import { withBootstrapLock } from ${JSON.stringify(pathToFileURL(join(scripts, 'bootstrap-lock.mjs')).href)}
    const note = (text) => appendFileSync(${JSON.stringify(join(directory, 'notes'))}, text)
    await withBootstrapLock(${JSON.stringify(join(directory, 'lock'))}, () => {}, async () => { ${work} })`

  test('lets one work at a time, also after an owner that died', async () => {
    expect(await runModule(locked("process.kill(process.pid, 'SIGKILL')"))).toBeNull()
    expect(existsSync(join(directory, 'lock'))).toBe(true)
    const codes = await Promise.all(
      Array.from({ length: 4 }, () =>
        runModule(locked("note('('); for (let turn = 0; turn < 2_000; turn++) await nextTurn(); note(')')")),
      ),
    )
    expect(codes).toEqual([0, 0, 0, 0])
    expect(readFileSync(join(directory, 'notes'), 'utf8')).toBe('()()()()')
    expect(existsSync(join(directory, 'lock'))).toBe(false)
  })

  test('is free where its owner has the number of the process that wants it', async () => {
    const code = `
      import { mkdirSync, writeFileSync } from 'node:fs'
      mkdirSync(${JSON.stringify(join(directory, 'lock'))})
      writeFileSync(${JSON.stringify(join(directory, 'lock', 'owner'))}, String(process.pid))
      setTimeout(() => process.exit(9), 5_000).unref()
      ${locked("note('done')")}`
    expect(await runModule(code)).toBe(0)
    expect(readFileSync(join(directory, 'notes'), 'utf8')).toBe('done')
    expect(existsSync(join(directory, 'lock'))).toBe(false)
  })

  test.runIf(process.geteuid?.() === 0)('keeps nobody from work who may not write in the tree', async () => {
    writeFileSync(join(directory, 'notes'), '')
    chmodSync(join(directory, 'notes'), 0o666)
    chmodSync(directory, 0o755)
    const asNobody = 'process.setuid(65_534)'
    expect(
      await runModule(
        `${locked("note('done')")}`.replace('await withBootstrapLock', `${asNobody}; await withBootstrapLock`),
      ),
    ).toBe(0)
    expect(readFileSync(join(directory, 'notes'), 'utf8')).toBe('done')
  })
})

describe('a child that is run to its end', () => {
  const running = (child: string) => `
    import { runChild } from ${JSON.stringify(pathToFileURL(join(scripts, 'run-child.mjs')).href)}
    process.exitCode = await runChild(process.execPath, ['-e', ${JSON.stringify(child)}], { stdio: 'inherit' })`

  test('gives its exit code on, and the number of the signal that ended it', async () => {
    expect(await runModule(running('process.exit(7)'))).toBe(7)
    expect(await runModule(running("process.kill(process.pid, 'SIGKILL')"))).toBe(137)
  })

  test('gets the signals of its parent', async () => {
    const ready = join(directory, 'ready')
    const child = `process.on('SIGTERM', () => process.exit(5)); setInterval(() => {}, 1000); require('fs').writeFileSync(${JSON.stringify(ready)}, '')`
    const parent = spawn(process.execPath, ['--input-type=module', '-e', running(child)], { stdio: 'ignore' })
    await expect.poll(() => existsSync(ready), { timeout: 10_000 }).toBe(true)
    parent.kill('SIGTERM')
    expect(await once(parent, 'exit')).toEqual([5, null])
  })
})

test('a full run has every file that does less in npm test, by itself or by a helper', () => {
  const files = filesOfTwoSizes()
  expect(files).toEqual(
    expect.arrayContaining([
      'shared/test/node/base64-decoder.test.ts',
      'test/memory.test.ts',
      'test/hostile/hostile.test.ts',
      'test/peers/torrent-clients.test.ts',
      'manager/test/audio/metadata/read-metadata.bombs.test.ts',
    ]),
  )
  expect(files).not.toContain('test/life.test.ts')
})

describe('the results of tests', () => {
  const file = (path: string, passed: number, failed: string[] = [], project = 'with database') => ({
    path,
    project,
    passed,
    skipped: 1,
    failed,
  })
  const report = (files: ReturnType<typeof file>[], unhandledErrors = 0) => ({ files, unhandledErrors })

  test('count errors that belong to no test, and a run of nothing, as failures', () => {
    expect(countTests(report([file('a', 2), file('b', 1, ['one'])]))).toEqual({ passed: 3, skipped: 2, failed: 1 })
    expect(countTests(report([file('a', 2)], 1))).toEqual({ passed: 2, skipped: 1, failed: 1 })
    expect(countTests(report([]))).toEqual({ passed: 0, skipped: 0, failed: 1 })
  })

  test('name the few files that failed beside others as those to run again', () => {
    expect(filesToRepeat(report([file('a', 2), file('b', 1, ['one'])]))).toEqual(['b'])
    expect(filesToRepeat(report([file('a', 2)]))).toEqual([])
  })

  test.each([
    ['a failure of a file that had the machine for itself', report([file('a', 0, ['one'], 'under load')])],
    ['such a failure beside another', report([file('a', 0, ['one'], 'under load'), file('b', 0, ['two'])])],
    ['an error that belongs to no test', report([file('a', 0, ['one'])], 1)],
    ['many failed files', report(['a', 'b', 'c', 'd'].map((path) => file(path, 0, ['one'])))],
  ])('leave %s as it is', (_, failed) => {
    expect(filesToRepeat(failed)).toEqual([])
  })

  test('of a file that ran again count only once', () => {
    const first = report([file('a', 2), file('b', 1, ['one'])])
    expect(countTests(mergeReports(first, report([file('b', 2)])))).toEqual({ passed: 4, skipped: 2, failed: 0 })
    expect(countTests(mergeReports(first, report([file('b', 1, ['two'])])))).toEqual({
      passed: 3,
      skipped: 2,
      failed: 1,
    })
    expect(countTests(mergeReports(first, report([], 1)))).toEqual({ passed: 3, skipped: 2, failed: 2 })
  })
})
