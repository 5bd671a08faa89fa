import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeDirectory } from '@holdfast/shared/node/make-directory'
import { StartError } from '@holdfast/shared/node/run-service'
import { afterEach, beforeEach, expect, it } from 'vitest'

let root = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-directory-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

const refusalOf = async (path: string, named?: string): Promise<string> => {
  const error: unknown = await makeDirectory(path, named).catch((thrown: unknown) => thrown)
  if (!(error instanceof StartError)) throw new Error(`not refused with a sentence: ${String(error)}`)
  return error.message.replaceAll(root, 'ROOT')
}

it('makes everything that is missing, private to the user, and leaves what is there', async () => {
  const deep = join(root, 'a/b/c')
  await makeDirectory(deep)
  for (const path of ['a', 'a/b', 'a/b/c']) expect((await stat(join(root, path))).mode & 0o777).toBe(0o700)
  await writeFile(join(deep, 'kept'), '')
  await makeDirectory(deep)
  expect((await stat(join(deep, 'kept'))).isFile()).toBe(true)
})

it('gives each of several callers at once the same directory', async () => {
  await Promise.all(Array.from({ length: 8 }, () => makeDirectory(join(root, 'a/b/c'))))
  expect(await readdir(join(root, 'a/b'))).toEqual(['c'])
})

it('follows a symbolic link to a directory', async () => {
  await mkdir(join(root, 'real'))
  await symlink('real', join(root, 'link'))
  await makeDirectory(join(root, 'link'))
  await makeDirectory(join(root, 'link/a/b'))
  expect(await readdir(join(root, 'real/a'))).toEqual(['b'])
})

it.each([
  ['file', 'ROOT/file is a file, and a directory is needed there.'],
  ['file/a', 'ROOT/file is a file, and a directory is needed there.'],
  ['file/a/b/c', 'ROOT/file is a file, and a directory is needed there.'],
  ['dangling', 'ROOT/dangling is a symbolic link to nowhere, which does not exist.'],
  ['dangling/a/b', 'ROOT/dangling is a symbolic link to nowhere, which does not exist.'],
  ['circle/a', 'ROOT/circle/a cannot be used (ELOOP): its symbolic links lead in a circle.'],
  ['n'.repeat(256), `ROOT/${'n'.repeat(256)} cannot be used (ENAMETOOLONG): its name is too long.`],
])('says in one sentence why %s cannot be', async (path, sentence) => {
  await writeFile(join(root, 'file'), '')
  await symlink('nowhere', join(root, 'dangling'))
  await symlink('circle', join(root, 'circle'))
  expect(await refusalOf(join(root, path))).toBe(sentence)
  expect((await readdir(root)).sort()).toEqual(['circle', 'dangling', 'file'])
})

it.runIf(process.platform === 'linux')('ends where a file system takes no new names', async () => {
  expect(await refusalOf('/proc/x')).toBe('/proc/x cannot be used (ENOENT): it does not exist and cannot be made.')
  expect(await refusalOf('/proc/x/y')).toMatch(/^\/proc\/x\/y cannot be used \(ENOENT\): /)
  expect(await refusalOf('/sys/x')).toMatch(/^\/sys\/x cannot be used \((EPERM|EACCES|EROFS)\): /)
})

it('says what to do where the user has no right to it', async () => {
  const closed = join(root, 'closed')
  await mkdir(closed, { mode: 0o500 })
  await chmod(root, 0o755)
  const { uid, sentence, inNamed } = await withoutRights(async () => ({
    uid: process.geteuid?.(),
    sentence: await refusalOf(join(closed, 'a/b')),
    inNamed: await refusalOf(join(closed, '1'), closed),
  }))
  const says = (path: string, toOwn: string) =>
    `ROOT/${path} cannot be used (EACCES): user ${uid} has no right to it; name another one, or as root: mkdir -p 'ROOT/${toOwn}' && chown -R ${uid}:`
  expect(sentence).toMatch(says('closed/a/b', 'closed/a/b'))
  expect(inNamed).toMatch(says('closed/1', 'closed'))
})

/** Every directory is open to root, so root becomes somebody else for a while. */
async function withoutRights<T>(work: () => Promise<T>): Promise<T> {
  const isRoot = process.geteuid?.() === 0
  if (isRoot) process.seteuid?.(65_534)
  try {
    return await work()
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
}
