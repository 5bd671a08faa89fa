/** `npm run test:faults` runs the whole counts of everything. */
export const isFullRun = process.env.FAULTS === 'full'

/**
 * `npm test` has to be quick enough for every change, so it takes `few`. `npm run test:faults` also runs every test
 * file that imports this one, so that no count is lost.
 */
export const countOf = (full: number, few: number): number => (isFullRun ? full : few)
