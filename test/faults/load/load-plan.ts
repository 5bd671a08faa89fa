import type { Random } from '../seed.ts'

const KIB = 1024

/** Most files are small, and some lie on both sides of every border in the path of an upload. */
const sizes: readonly { readonly weight: number; readonly sizeBytes: (random: Random) => number }[] = [
  { weight: 2, sizeBytes: () => 0 },
  { weight: 2, sizeBytes: () => 1 },
  { weight: 78, sizeBytes: () => 4 * KIB },
  { weight: 12, sizeBytes: () => 64 * KIB },
  // 256 KiB of base64 are the most that travel inside a command.
  { weight: 3, sizeBytes: (random) => 192 * KIB + random.integer(-2, 2) },
  { weight: 2.5, sizeBytes: (random) => 256 * KIB + random.integer(-1, 1) },
  { weight: 0.5, sizeBytes: (random) => 4096 * KIB + random.integer(-1, 1) },
]
const LARGEST_OF_SIZES = 4096 * KIB + 1

/** A file of class `replicated` is cut into chunks of 4 MiB. */
const manyChunks = { weight: 0.5, sizeBytes: (random: Random) => 4096 * KIB + random.integer(0, 5 * 1024 * KIB) }

export function chooseSize(random: Random, maxBytes: number): number {
  const all = maxBytes > LARGEST_OF_SIZES ? [...sizes, manyChunks] : sizes
  let rest = random.next() * all.reduce((sum, { weight }) => sum + weight, 0)
  for (const { weight, sizeBytes } of all) {
    rest -= weight
    if (rest < 0) return Math.min(maxBytes, sizeBytes(random))
  }
  return Math.min(maxBytes, 4 * KIB)
}

/** One client works on this name. */
export interface OwnName {
  readonly name: string
  /** What has a link has it for one file only. */
  readonly isLink: boolean
  /** The bytes that were sent last, or were meant to be. */
  sizeBytes: number
  isThere: boolean
  operationCount: number
  doubtCount: number
}

export type Step =
  | { readonly kind: 'upload-new' }
  | { readonly kind: 'upload-again' | 'download' | 'delete'; readonly own: OwnName }
  /** All clients go for one name at about the same time. */
  | { readonly kind: 'contest' }

/** A client with more live files than this deletes more than it uploads. */
const MANY_LIVE = 60
/** A longer history of one name would take the oracle too long. */
const MAX_OPERATIONS = 12
const MAX_DOUBTS = 2

export function chooseStep(random: Random, names: readonly OwnName[]): Step {
  const usable = names.filter((own) => own.operationCount < MAX_OPERATIONS && own.doubtCount < MAX_DOUBTS)
  const live = usable.filter((own) => own.isThere)
  const gone = usable.filter((own) => !own.isThere && !own.isLink)
  const deleteShare = live.length > MANY_LIVE ? 0.45 : 0.12
  const roll = random.next()
  if (roll < 0.03) return { kind: 'contest' }
  if (roll < 0.03 + deleteShare && live.length > 0) return { kind: 'delete', own: random.pick(live) }
  if (roll < 0.33 + deleteShare && usable.length > 0) return { kind: 'download', own: random.pick(usable) }
  if (roll < 0.45 + deleteShare && gone.length > 0) return { kind: 'upload-again', own: random.pick(gone) }
  return { kind: 'upload-new' }
}
