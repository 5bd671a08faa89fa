import type { CopyId, Digest } from '@holdfast/shared/ids'
import { ALL_DIGITS, digitFrom, parseLeafName } from './slot.ts'

export interface LeafEntry {
  readonly name: string
  readonly isFile: boolean
  readonly sizeBytes: number
  readonly changedAtMs: number
}

interface PlannedCopy {
  readonly name: string
  readonly digit: number
  readonly copyId: CopyId
  readonly sha256: Digest
  readonly sizeBytes: number
}

interface LeafPlan {
  readonly copies: readonly PlannedCopy[]
  /** Further copies in a slot that has one go to the quarantine. */
  readonly extras: readonly PlannedCopy[]
  /** Uploads that a crash cut off are to be removed. */
  readonly unfinished: readonly string[]
  readonly foreign: readonly string[]
  readonly freeDigits: readonly number[]
}

/** Decides what to do with a leaf that an earlier run left behind. */
export function planLeaf(entries: readonly LeafEntry[]): LeafPlan {
  const held = new Map<number, PlannedCopy>()
  const extras: PlannedCopy[] = []
  const unfinished: string[] = []
  const foreign: string[] = []
  // A slot is handed out only when its copy is gone, so of two copies the one written later is the slot's own and the
  // other a delete that a power cut undid. Equal times are settled by name: every start decides alike.
  const latestFirst = [...entries].sort((a, b) => b.changedAtMs - a.changedAtMs || (a.name < b.name ? -1 : 1))
  for (const { name, isFile, sizeBytes } of latestFirst) {
    const parsed = parseLeafName(name)
    if (!isFile || parsed.kind === 'foreign') foreign.push(name)
    else if (parsed.kind === 'unfinished') unfinished.push(name)
    else {
      const { digit, copyId, sha256 } = parsed
      const copy = { name, digit, copyId, sha256, sizeBytes }
      if (held.has(digit)) extras.push(copy)
      else held.set(digit, copy)
    }
  }
  const withheld = withheldDigits(foreign, new Set(held.keys()))
  const freeDigits = ALL_DIGITS.filter((digit) => !held.has(digit) && !withheld.has(digit))
  return { copies: [...held.values()], extras, unfinished, foreign, freeDigits }
}

/**
 * Finds the digits that foreign names cost: each its own first character where that is free, else the highest that is left.
 * One digit for every entry keeps the directory at 36.
 */
export function withheldDigits(foreign: readonly string[], taken: ReadonlySet<number>): ReadonlySet<number> {
  const withheld = new Set<number>()
  const isLeft = (digit: number): boolean => !taken.has(digit) && !withheld.has(digit)
  for (const name of [...foreign].sort()) {
    const own = digitFrom(name.charAt(0))
    const digit = own !== null && isLeft(own) ? own : ALL_DIGITS.findLast(isLeft)
    if (digit !== undefined) withheld.add(digit)
  }
  return withheld
}
