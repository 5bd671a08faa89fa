import { execFileSync } from 'node:child_process'
import { createHash, randomInt } from 'node:crypto'

/**
 * All randomness of a run comes from its seed. The same seed gives the same choices; the machine's timing is its own.
 */
export class Seed {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  /** @returns another seed, which depends only on this one and the label, so that it does not matter who draws first */
  fork(label: string | number): Seed {
    return new Seed(`${this.text}/${label}`)
  }

  random(): Random {
    return new Random(this.text)
  }
}

/** Draws a sequence of choices (mulberry32, https://github.com/bryc/code/blob/master/jshash/PRNGs.md). */
export class Random {
  #state: number

  constructor(text: string) {
    this.#state = createHash('sha256').update(text).digest().readUInt32LE(0)
  }

  /** @returns a number in [0, 1) */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** @returns a whole number from `min` to `max`, both included */
  integer(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1))
  }

  isTrue(probability: number): boolean {
    return this.next() < probability
  }

  /** @returns `count` of them, or all there are, in a random order */
  sample<T>(items: readonly T[], count: number): T[] {
    const rest = [...items]
    return Array.from({ length: Math.min(count, rest.length) }, () => {
      const [item] = rest.splice(this.integer(0, rest.length - 1), 1)
      return item as T
    })
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.integer(0, items.length - 1)]
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }
}

/** The seed of this run is FAULT_SEED, or a new one. */
export const runSeed = new Seed(process.env.FAULT_SEED ?? String(randomInt(1_000_000_000)))

/** It names the commit under test, with a mark where the tree differs from it. */
export const runCommit = readCommit()

/** Prints what it takes to run this run again. */
export function announceRun(): void {
  console.log(`faults: FAULT_SEED=${runSeed.text} commit ${runCommit}`)
}

function readCommit(): string {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    return git('rev-parse', '--short=10', 'HEAD').trim() + (git('status', '--porcelain') === '' ? '' : '+changes')
  } catch {
    return 'unknown'
  }
}
