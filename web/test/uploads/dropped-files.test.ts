import { expect, test } from 'vitest'
import { nameFor } from '../../src/api/send-file.ts'
import { filesOf, MOST_DROPPED } from '../../src/uploads/dropped-files.ts'

/** What cannot be read is a word. */
interface Tree {
  readonly [name: string]: Tree | null | 'no file' | 'no folder'
}
function entryOf(name: string, below: Tree[string], within = ''): unknown {
  const fullPath = `${within}/${name}`
  const fail = (_: unknown, reject: (error: Error) => void) => reject(new Error('NotReadableError'))
  if (below === 'no file') return { isFile: true, isDirectory: false, fullPath, file: fail }
  if (below === 'no folder')
    return { isFile: false, isDirectory: true, fullPath, createReader: () => ({ readEntries: fail }) }
  if (below === null) {
    const file = (resolve: (file: File) => void) => resolve(new File(['x'], name))
    return { isFile: true, isDirectory: false, fullPath, file }
  }
  const pages = [Object.entries(below).map(([child, tree]) => entryOf(child, tree, fullPath)), []]
  const readEntries = (resolve: (entries: unknown) => void) => resolve(pages.shift())
  return { isFile: false, isDirectory: true, fullPath, createReader: () => ({ readEntries }) }
}
const drop = (tree: Tree) => {
  const items = Object.entries(tree).map(([name, below]) => ({ webkitGetAsEntry: () => entryOf(name, below) }))
  return filesOf({ items, files: [] } as never)
}

test('audio that is dropped in folders keeps them in its name, so that two albums have equal names of tracks', async () => {
  const { files } = await drop({
    Jazz: { '01 Intro.mp3': null },
    Post: { CD1: { '01 Intro.mp3': null } },
    'x.mp3': null,
  })
  expect(files.map(({ path }) => nameFor('/post', path))).toEqual([
    'Jazz/01 Intro.mp3',
    'Post/CD1/01 Intro.mp3',
    'x.mp3',
  ])
  expect(files.map(({ path }) => nameFor('/upload', path))).toEqual(['01 Intro.mp3', '01 Intro.mp3', 'x.mp3'])
})

test('what cannot be read is left out and counted, and all else is there', async () => {
  const { files, unreadable, isCut } = await drop({
    Jazz: { 'a.mp3': null, 'b.mp3': 'no file', Live: 'no folder', 'c.mp3': null },
    'x.mp3': 'no file',
    'y.mp3': null,
  })
  expect(files.map(({ path }) => path)).toEqual(['Jazz/a.mp3', 'Jazz/c.mp3', 'y.mp3'])
  expect([unreadable, isCut]).toEqual([3, false])
})

test('a folder of more files than are taken is cut, and that is told', async () => {
  const folderOf = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, name) => [`${name}`, null]))
  expect(await drop({ all: folderOf(MOST_DROPPED), none: {} })).toMatchObject({ isCut: false })
  const { files, isCut } = await drop({ most: folderOf(MOST_DROPPED - 1), rest: folderOf(2) })
  expect([files.length, files.at(-1)?.path, isCut]).toEqual([MOST_DROPPED, 'rest/0', true])
})

test('a path that is too long for a name loses its first folders', () => {
  expect(nameFor('/post', `${'a'.repeat(200)}/${'ü'.repeat(50)}/${'b'.repeat(100)}.mp3`)).toBe(
    `${'ü'.repeat(50)}/${'b'.repeat(100)}.mp3`,
  )
})
