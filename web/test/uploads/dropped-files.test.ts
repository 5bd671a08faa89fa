import { expect, test } from 'vitest'
import { nameFor } from '../../src/api/send-file.ts'
import { filesOf } from '../../src/uploads/dropped-files.ts'

interface Tree {
  readonly [name: string]: Tree | null
}
function entryOf(name: string, below: Tree | null, within = ''): unknown {
  const fullPath = `${within}/${name}`
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
  const files = await drop({ Jazz: { '01 Intro.mp3': null }, Post: { CD1: { '01 Intro.mp3': null } }, 'x.mp3': null })
  expect(files.map(({ path }) => nameFor('/post', path))).toEqual([
    'Jazz/01 Intro.mp3',
    'Post/CD1/01 Intro.mp3',
    'x.mp3',
  ])
  expect(files.map(({ path }) => nameFor('/upload', path))).toEqual(['01 Intro.mp3', '01 Intro.mp3', 'x.mp3'])
})

test('a path that is too long for a name loses its first folders', () => {
  expect(nameFor('/post', `${'a'.repeat(200)}/${'ü'.repeat(50)}/${'b'.repeat(100)}.mp3`)).toBe(
    `${'ü'.repeat(50)}/${'b'.repeat(100)}.mp3`,
  )
})
