import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { upload } from '../../src/cli/upload.ts'
import type { FileSource } from '../../src/file-source.ts'
import { StoreClient } from '../../src/store-client.ts'

const iteratorOf = (source: FileSource) => {
  if (typeof source !== 'function') throw new Error('a file can be opened anew')
  return source()[Symbol.asyncIterator]()
}

test('what an attempt that has ended still reads is not counted for the one after it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-upload-'))
  const path = join(directory, 'a')
  const bytes = randomBytes(2_000_000)
  await writeFile(path, bytes)
  const { stdin, stdout, stderr } = process
  const { signal } = new AbortController()
  const client = new StoreClient({ baseUrl: 'http://127.0.0.1:1' })
  const console = { client, stdin, stdout, stderr, isJson: true, signal }
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const uploaded = await upload(console, { path, title: 'a' }, async (source) => {
    const stale = iteratorOf(source)
    await stale.next()
    const newest = iteratorOf(source)
    while (!(await newest.next()).done) await stale.next()
    return { sha256 }
  })
  expect(uploaded).toEqual({ stored: { sha256 }, sizeBytes: bytes.length, sha256 })
  await rm(directory, { recursive: true })
})
