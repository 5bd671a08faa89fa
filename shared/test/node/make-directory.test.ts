import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeDirectory } from '@holdfast/shared/node/make-directory'
import { afterEach, beforeEach, expect, it } from 'vitest'

let root = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-directory-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

it('makes everything that is missing, private to the user, and leaves what is there', async () => {
  const deep = join(root, 'a/b/c')
  await makeDirectory(deep)
  for (const path of ['a', 'a/b', 'a/b/c']) expect((await stat(join(root, path))).mode & 0o777).toBe(0o700)
  await writeFile(join(deep, 'kept'), '')
  await makeDirectory(deep)
  expect((await stat(join(deep, 'kept'))).isFile()).toBe(true)
})
