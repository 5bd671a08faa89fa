import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/**
 * @returns whether a program is there and says of itself what the test needs. Where it does not, the output says so.
 */
export async function isInstalled(program: string, args: readonly string[], says: RegExp): Promise<boolean> {
  const output = await promisify(execFile)(program, [...args], {
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
  }).then(
    ({ stdout, stderr }) => stdout + stderr,
    () => '',
  )
  if (says.test(output)) return true
  console.error(`NOT TESTED, for it is not installed: ${program} (${args.join(' ')} does not say ${says})`)
  return false
}
