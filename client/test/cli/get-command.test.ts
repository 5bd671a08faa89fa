import { chmod, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { isReadyForSignals, main, outcomeOf, Workplace } from './run-holdfast.ts'

let workplace: Workplace
let path: Workplace['path']

beforeEach(async () => {
  workplace = await Workplace.make()
  path = (name) => workplace.path(name)
  workplace.manager.files.set('x', Buffer.from('stored'))
})
afterEach(() => workplace[Symbol.asyncDispose]())

describe('writes into what is not a regular file:', () => {
  test.each([
    ['a process substitution', 'hf get x >(cat >got); wait $!; cat got'],
    ['a named pipe', 'mkfifo fifo; hf get x fifo >/dev/null & cat fifo; wait $!; test -p fifo'],
    ['its own output', 'hf get x /dev/stdout'],
    ['its own output behind a link', 'ln -s /dev/stdout out; hf get x out; test -L out'],
    ['its own output that is a file, from where it stands', '{ printf "["; hf get -f x /dev/stdout; } >out; cat out'],
    ['a file that is open already, from where it stands', '{ printf "[" >&3; hf get x /dev/fd/3; } 3>out; cat out'],
  ])('%s', async (_, line) => {
    const { text, errors, code } = await workplace.bash(line)
    expect({ errors, code }).toEqual({ errors: '', code: 0 })
    expect(text.replace(/^saved .*\n/m, '').replace('[', '')).toBe('stored')
  })

  test.each([[], ['--force']])('a device %s', async (...force) => {
    expect(await workplace.run(['get', ...force, 'x', '/dev/null'])).toMatchObject({ code: 0, errors: '' })
    expect((await stat('/dev/null')).isCharacterDevice()).toBe(true)
    expect(await workplace.run(['get', ...force, 'x', '/dev/full'])).toMatchObject({
      code: 1,
      errors: 'holdfast: x: /dev/full: no space left on device (ENOSPC)\n',
    })
  })
})

describe('follows a symbolic link', () => {
  test('to a file, which keeps its mode and is overwritten with --force only', async () => {
    await writeFile(path('target'), 'mine')
    await chmod(path('target'), 0o640)
    await symlink('target', path('link'))
    expect(await workplace.run(['get', 'x', 'link'])).toMatchObject({
      code: 4,
      errors: expect.stringContaining('link is there already; --force overwrites it'),
    })
    expect(await workplace.run(['get', '-f', 'x', 'link'])).toMatchObject({ code: 0 })
    expect(await readFile(path('target'), 'utf8')).toBe('stored')
    expect((await lstat(path('link'))).isSymbolicLink()).toBe(true)
    expect((await stat(path('target'))).mode & 0o7777).toBe(0o640)
  })

  test('to what is not there yet, and through a directory', async () => {
    await mkdir(path('there/deep'), { recursive: true })
    await symlink('there/deep', path('directory'))
    await symlink('../new', path('there/deep/link'))
    expect(await workplace.run(['get', 'x', 'directory/link'])).toMatchObject({ code: 0 })
    expect(await readFile(path('there/new'), 'utf8')).toBe('stored')
  })

  test('in a circle no longer than it must', async () => {
    await symlink('b', path('a'))
    await symlink('a', path('b'))
    const { code, errors } = await workplace.run(['get', 'x', 'a'])
    expect({ code, errors }).toEqual({ code: 1, errors: 'holdfast: x: a: too many symbolic links\n' })
  })
})

test.each([
  ['missing/x', 'missing/x: no such file or directory (ENOENT)'],
  ['missing/', 'missing/: is not a directory'],
  ['file/x', 'file/x: not a directory (ENOTDIR)'],
  ['', ': no such file or directory (ENOENT)'],
  ['n'.repeat(300), `${'n'.repeat(300)}: name too long (ENAMETOOLONG)`],
])('says of a path that cannot be, before it fetches anything, what is wrong with it: %s', async (target, sentence) => {
  await writeFile(path('file'), '')
  expect(await workplace.run(['get', 'x', target])).toMatchObject({ code: 1, errors: `holdfast: x: ${sentence}\n` })
  expect(workplace.manager.requests).toEqual([])
})

test('gives no advice to use --force where it does not help', async () => {
  await mkdir(path('d/x'), { recursive: true })
  const { code, errors } = await workplace.run(['get', 'x', 'd'])
  expect({ code, errors }).toEqual({ code: 1, errors: 'holdfast: x: d/x is a directory\n' })
})

test.each(['SIGHUP', 'SIGTERM', 'SIGINT'] as const)('leaves no part of a file at %s', async (signal) => {
  workplace.manager.nextAnswers.push((_, response) => {
    response.writeHead(200, { 'content-length': 100, etag: `"${'a'.repeat(64)}"` })
    response.write('only this')
  })
  const child = workplace.spawn(process.execPath, [main, 'get', 'x'])
  const ended = outcomeOf(child)
  await vi.waitFor(async () => expect(await readdir(workplace.directory)).toHaveLength(1), 10_000)
  child.kill(signal)
  expect(await ended).toMatchObject({ code: 130, errors: 'holdfast: x: interrupted\n' })
  expect(await readdir(workplace.directory)).toEqual([])
})

test('ends at a signal while nobody reads its named pipe', async () => {
  await workplace.bash('mkfifo fifo')
  const child = workplace.spawn(process.execPath, [main, 'get', 'x', 'fifo'])
  const ended = outcomeOf(child)
  await vi.waitFor(() => isReadyForSignals(child), 10_000)
  child.kill('SIGHUP')
  expect(await ended).toMatchObject({ code: 130, errors: 'holdfast: x: interrupted\n' })
})
