import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync, brotliDecompressSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { pageRoutes } from '../../../src/api/page/page.routes.ts'
import { readPageFiles } from '../../../src/api/page/page-files.ts'
import { serve } from '../../http/http-fixture.ts'

const index =
  '<!doctype html><link rel="stylesheet" crossorigin href="/assets/a-1.css"><link rel="icon" href="/assets/i-1.svg">'
let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-page-'))
  await mkdir(join(directory, 'assets'))
  await writeFile(join(directory, 'index.html'), index)
  await writeFile(join(directory, 'assets', 'a-1.css'), 'a{}')
  await writeFile(join(directory, 'assets', 'a-1.css.br'), brotliCompressSync('a{}'))
})
afterEach(() => rm(directory, { recursive: true }))

async function start(from = directory) {
  const files = await readPageFiles(from)
  return { files, ...(await serve((router) => router.use(pageRoutes(files).routes()))) }
}

/** fetch would undo the compression. */
function get(url: string, headers: Record<string, string> = {}) {
  return new Promise<{ status: number | undefined; headers: Record<string, unknown>; body: Buffer }>(
    (resolve, reject) => {
      request(url, { headers }, async (answer) => {
        const pieces: Buffer[] = []
        for await (const piece of answer) pieces.push(piece as Buffer)
        resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(pieces) })
      })
        .on('error', reject)
        .end()
    },
  )
}

test('the page is served with a policy without unsafe-inline, and names its style sheet to plain pages', async () => {
  const { url, files } = await start()
  expect(files).toMatchObject({ stylesheet: '/assets/a-1.css', icon: '/assets/i-1.svg' })
  const answer = await get(url)
  expect(answer).toMatchObject({
    status: 200,
    headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' },
  })
  expect(answer.body.toString()).toBe(index)
  expect(answer.headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self';(?!.*unsafe)/)
})

test('a file of the page is served as it was compressed, for ever, and each form has a tag of its own', async () => {
  const { url } = await start()
  const plain = await get(`${url}/assets/a-1.css`)
  const packed = await get(`${url}/assets/a-1.css`, { 'accept-encoding': 'gzip, br' })
  expect(plain.headers).toMatchObject({
    'content-type': 'text/css; charset=utf-8',
    'cache-control': 'public, max-age=31536000, immutable',
  })
  expect([plain.headers['content-encoding'], packed.headers['content-encoding']]).toEqual([undefined, 'br'])
  expect(brotliDecompressSync(packed.body).toString()).toBe(plain.body.toString())
  expect(packed.headers.etag).not.toBe(plain.headers.etag)
  const again = await get(`${url}/assets/a-1.css`, { 'if-none-match': String(plain.headers.etag) })
  expect([again.status, again.body.length]).toEqual([304, 0])
})

test('what is no file of the page is not found, and where the page was not built the plain list takes its place', async () => {
  const { url } = await start()
  for (const name of ['a-1.css.br', '..%2findex.html', 'none.js'])
    expect((await get(`${url}/assets/${name}`)).status).toBe(404)
  const unbuilt = await start(join(directory, 'assets'))
  expect(await get(unbuilt.url)).toMatchObject({ status: 302, headers: { location: '/files' } })
})
