import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { SLOT_RADIX } from '@holdfast/shared/ids'
import { isErrno } from '../disk/disk-health.ts'
import { digitFrom, directoryPath, LEAF_DEPTH, type Leaf, prefixOf } from './slot.ts'

type WalkEvent =
  | { readonly kind: 'leaf'; readonly leaf: Leaf }
  | { readonly kind: 'empty'; readonly depth: number; readonly prefix: number }
  | { readonly kind: 'foreign'; readonly path: string }

/** Walks through the directories of a tree in slot order, from a leaf on. What comes or goes during the walk may or may not appear. */
export function walkTree(root: string, from: Leaf): AsyncGenerator<WalkEvent> {
  return walk(root, 0, 0, from)
}

async function* walk(root: string, depth: number, prefix: number, from: Leaf): AsyncGenerator<WalkEvent> {
  const { digits, foreign, isEmpty } = await listChildren(root, depth, prefix)
  if (isEmpty && depth > 0) yield { kind: 'empty', depth, prefix }
  for (const path of foreign) yield { kind: 'foreign', path }
  for (const digit of digits) {
    const child = prefix * SLOT_RADIX + digit
    if (child < prefixOf(from, depth + 1)) continue
    if (depth + 1 === LEAF_DEPTH) yield { kind: 'leaf', leaf: child as Leaf }
    else yield* walk(root, depth + 1, child, from)
  }
}

/** Finds the highest leaf that exists by descending the largest digits; a branch without leaves sends it to the next lower. */
export async function findHighestLeaf(root: string, depth = 0, prefix = 0): Promise<Leaf | null> {
  if (depth === LEAF_DEPTH) return prefix as Leaf
  const { digits } = await listChildren(root, depth, prefix)
  for (const digit of digits.reverse()) {
    const found = await findHighestLeaf(root, depth + 1, prefix * SLOT_RADIX + digit)
    if (found !== null) return found
  }
  return null
}

interface Children {
  readonly digits: number[]
  readonly foreign: readonly string[]
  readonly isEmpty: boolean
}

async function listChildren(root: string, depth: number, prefix: number): Promise<Children> {
  const directory = join(root, directoryPath(depth, prefix))
  try {
    const entries = await readdir(directory, { withFileTypes: true })
    const isOurs = (entry: (typeof entries)[number]): boolean => entry.isDirectory() && digitFrom(entry.name) !== null
    return {
      digits: entries
        .filter(isOurs)
        .map((entry) => Number.parseInt(entry.name, SLOT_RADIX))
        .sort((a, b) => a - b),
      foreign: entries.filter((entry) => !isOurs(entry)).map((entry) => join(directory, entry.name)),
      isEmpty: entries.length === 0,
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return { digits: [], foreign: [], isEmpty: false }
    throw error
  }
}
