import { mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { OpenFiles } from '../../src/swarm/open-files.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-open-'))
  for (let file = 0; file < 40; file++) await writeFile(join(directory, String(file)), `file ${file}`)
})
afterEach(() => rm(directory, { recursive: true }))

const read = (files: OpenFiles, file: number) =>
  files.use(join(directory, String(file)), async (handle) => {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(20), 0, 20, 0)
    return `${buffer.toString('utf8', 0, bytesRead)} ${handle.fd}`
  })

test('a file stays open, and of many those that were used last', async () => {
  const files = new OpenFiles('r')
  const first = await read(files, 0)
  expect(await read(files, 0)).toBe(first)
  for (let file = 1; file < 40; file++) expect(await read(files, file)).toMatch(new RegExp(`^file ${file} `))
  const handles = new Set<string | undefined>()
  for (let file = 24; file < 40; file++) handles.add((await read(files, file)).split(' ')[2])
  expect(handles.size).toBe(16)
  await files.close()
})

test.runIf(process.platform === 'linux')(
  'what is closed while somebody works with it is closed after that',
  async () => {
    const files = new OpenFiles('r')
    const own = async () => {
      const names = await readdir('/proc/self/fd')
      const paths = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')))
      return paths.filter((path) => path.startsWith(directory))
    }
    expect(await own()).toEqual([])
    const works = Array.from({ length: 30 }, (_, file) => read(files, file))
    await files.close()
    expect((await Promise.all(works)).map((text) => text.split(' ')[1])).toEqual([...Array(30).keys()].map(String))
    await files.close()
    expect(await own()).toEqual([])
  },
)

test('a file that is missing is opened once it is there', async () => {
  const files = new OpenFiles('r')
  await expect(read(files, 77)).rejects.toThrow('ENOENT')
  await writeFile(join(directory, '77'), 'file 77')
  expect(await read(files, 77)).toMatch(/^file 77 /)
  await files.close()
})
