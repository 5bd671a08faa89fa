import {
  type CopyId,
  type Digest,
  isCopyId,
  isDigest,
  isSlot,
  SLOT_DIGITS,
  SLOT_RADIX,
  type Slot,
} from '@holdfast/shared/ids'
import type { NamedCopy } from '@holdfast/shared/wire/shapes'

/** Names a directory that holds copies: a slot without its last digit. */
export type Leaf = number & { readonly brand: 'Leaf' }

/** An entry has this many directories above it. */
export const LEAF_DEPTH = SLOT_DIGITS - 1
export const LEAF_COUNT = SLOT_RADIX ** LEAF_DEPTH
export const ALL_DIGITS: readonly number[] = Array.from({ length: SLOT_RADIX }, (_, digit) => digit)

type LeafName =
  | { readonly kind: 'copy'; readonly digit: number; readonly copyId: CopyId; readonly sha256: Digest }
  | { readonly kind: 'unfinished'; readonly digit: number; readonly copyId: CopyId }
  | { readonly kind: 'foreign' }

export function leafOf(slot: Slot): Leaf {
  return Math.floor(slot / SLOT_RADIX) as Leaf
}

export function digitOf(slot: Slot): number {
  return slot % SLOT_RADIX
}

export function slotAt(leaf: Leaf, digit: number): Slot {
  return (leaf * SLOT_RADIX + digit) as Slot
}

/** @returns the number of the directory at `depth` (1 to 5) on the way to a leaf. */
export function prefixOf(leaf: Leaf, depth: number): number {
  return Math.floor(leaf / SLOT_RADIX ** (LEAF_DEPTH - depth))
}

/** @returns `0/0/1` for the directory number 1 at depth 3; nothing for the root at depth 0. */
export function directoryPath(depth: number, prefix: number): string {
  return depth === 0 ? '' : [...prefix.toString(SLOT_RADIX).padStart(depth, '0')].join('/')
}

export function leafPath(leaf: Leaf): string {
  return directoryPath(LEAF_DEPTH, leaf)
}

/** @returns the digit that a directory's name or the first character of another name stands for, or null. */
export function digitFrom(character: string): number | null {
  return /^[0-9a-z]$/.test(character) ? Number.parseInt(character, SLOT_RADIX) : null
}

export function copyPath(copy: NamedCopy): string {
  return `${leafPath(leafOf(copy.slot))}/${digitText(copy.slot)}-${copy.copyId}-${copy.sha256}`
}

export function unfinishedPath(slot: Slot, copyId: CopyId): string {
  return `${leafPath(leafOf(slot))}/${digitText(slot)}-${copyId}.part`
}

/** A name in the quarantine also carries the slot that the copy came from, as six digits. */
export function quarantinePath(slot: Slot, copy: NamedCopy): string {
  const origin = copy.slot.toString(SLOT_RADIX).padStart(SLOT_DIGITS, '0')
  return `${leafPath(leafOf(slot))}/${digitText(slot)}-${copy.copyId}-${copy.sha256}-${origin}`
}

export function parseLeafName(name: string): LeafName {
  const match = /^([0-9a-z])-([0-9a-f]{40})(?:-([0-9a-f]{64})|\.part)$/.exec(name)
  const digit = digitFrom(match?.[1] ?? '')
  const copyId = match?.[2]
  const sha256 = match?.[3]
  if (digit === null || !isCopyId(copyId)) return { kind: 'foreign' }
  return isDigest(sha256) ? { kind: 'copy', digit, copyId, sha256 } : { kind: 'unfinished', digit, copyId }
}

/** @returns the copy with the slot it came from, and its digit in the quarantine; null for a foreign name. */
export function parseQuarantineName(name: string): { readonly digit: number; readonly copy: NamedCopy } | null {
  const match = /^(.+)-([0-9a-z]{6})$/.exec(name)
  const own = parseLeafName(match?.[1] ?? '')
  const slot = Number.parseInt(match?.[2] ?? '', SLOT_RADIX)
  if (own.kind !== 'copy' || !isSlot(slot)) return null
  return { digit: own.digit, copy: { copyId: own.copyId, slot, sha256: own.sha256 } }
}

function digitText(slot: Slot): string {
  return digitOf(slot).toString(SLOT_RADIX)
}
