import { test } from 'vitest'

/** `npm run test:faults` runs the whole counts of everything. */
export const isFullRun = process.env.FAULTS === 'full'

/**
 * `npm test` has to be quick enough for every change, so it takes `few`. `npm run test:faults` also runs every test
 * file that imports this one, so that no count is lost.
 */
export const countOf = (full: number, few: number): number => (isFullRun ? full : few)

/**
 * A test of `npm run test:faults` alone, for what waits for deadlines of seconds, or does the work of thousands of
 * users. `npm test` counts it among those that it skips.
 */
export const testInFull = test.runIf(isFullRun)
