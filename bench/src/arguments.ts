import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { fullPlan, longPlan, type PartName, type Plan, partNames, quickPlan } from './plan.ts'

export const usage = `npm run bench -- [--quick | --long] [--only ${partNames.join('|')}] [--directory PATH] [--image] [--publish]

  --quick      under a minute: to see that it works
  --long       quieter numbers: about half an hour
  --only       one part; may be given again
  --directory  where all data goes for the time of the run; the system's directory for temporary files unless given
  --image      all data goes to a fresh ext4 in a file there, as most disks are: the machine's own may be another; needs root and 40 GiB
  --publish    also writes docs/performance.md and its chart`

export interface BenchOptions {
  readonly plan: Plan
  readonly parts: readonly PartName[]
  readonly directory: string
  readonly hasImage: boolean
  readonly isPublished: boolean
}

/** @returns null where only the usage was asked for. */
export function readOptions(args: readonly string[]): BenchOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      long: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      directory: { type: 'string', default: tmpdir() },
      image: { type: 'boolean', default: false },
      publish: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return null
  const unknown = values.only.filter((name) => !partNames.some((part) => part === name))
  if (unknown.length > 0) throw new Error(`--only ${unknown.join()}: there are ${partNames.join(', ')}`)
  if (values.quick && values.publish) throw new Error('--quick shows that it works; its numbers are not published')
  return {
    plan: values.quick ? quickPlan : values.long ? longPlan : fullPlan,
    parts: partNames.filter((part) => values.only.length === 0 || values.only.includes(part)),
    directory: values.directory,
    hasImage: values.image,
    isPublished: values.publish,
  }
}
