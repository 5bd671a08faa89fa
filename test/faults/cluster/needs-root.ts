import { isFullRun } from '../../full-run.ts'
import { whyNoSmallDisks } from './small-disk.ts'

const why = await whyNoSmallDisks()

/**
 * @returns whether this machine lets a test make disks. Where it does not, the output says so, and a full run fails
 * unless FAULTS_WITHOUT_ROOT=1 says that this is known.
 */
export function canMakeDisks(what: string): boolean {
  if (why === null) return true
  const sentence = `NOT TESTED, disks of a test's own need root and loop devices: ${what} (${why})`
  if (isFullRun && process.env.FAULTS_WITHOUT_ROOT !== '1') throw new Error(sentence)
  console.error(sentence)
  return false
}
