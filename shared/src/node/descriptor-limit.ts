import { readFileSync } from 'node:fs'
import { StartError } from './run-service.ts'

/**
 * A process has some 110 descriptors open when it has loaded its code and connected. Connections and files under way come on
 * top.
 */
const LEAST_DESCRIPTORS = 256

/** @throws StartError where this process may open too few files to run. */
export function requireDescriptors(): void {
  const limit = readLimit()
  if (limit === null || limit >= LEAST_DESCRIPTORS) return
  throw new StartError(
    `This process may have ${limit} files open at a time (ulimit -n), and ${LEAST_DESCRIPTORS} are the least it runs with: raise the limit, best to 65536.`,
  )
}

/**
 * Node has raised the soft limit to the hard one at its start, so the soft one is what counts. @returns null where the system
 * does not say
 */
function readLimit(): number | null {
  if (process.platform !== 'linux') return null
  const limits = readFileSync('/proc/self/limits', 'utf8')
  const soft = /^Max open files +(\d+)/m.exec(limits)?.[1]
  return soft === undefined ? null : Number(soft)
}
