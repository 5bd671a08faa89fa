import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { fullPlan, longPlan, type Plan, quickPlan, type SectionName, sectionNames, sideBySideNames } from './plan.ts'

export const usage = `npm run bench -- [--quick | --long] [--only ${sectionNames.join()}] [--beside CHECKOUT] [--directory PATH] [--image] [--publish]

  --quick      takes under a minute, to see that it works
  --long       gives quieter numbers and takes about three quarters of an hour
  --only       measures some sections: names with commas between them
  --beside     measures another checkout of Holdfast in the same rounds, in place of GridFS; it is built first where that is needed.
               Without --only the sections are ${sideBySideNames.filter(anyKnows).join()}; both have to know class replicated for the other
  --directory  where all data goes for the time of the run; the system's directory for temporary files unless given
  --image      puts all data on a fresh ext4 in a file there, as most disks are: the machine's own may be another; needs root and 40 GiB
  --publish    also writes docs/performance.md and its chart`

export interface BenchOptions {
  readonly plan: Plan
  readonly sections: readonly SectionName[]
  /** It is the path of another checkout, or null. */
  readonly beside: string | null
  readonly directory: string
  readonly hasImage: boolean
  readonly isPublished: boolean
}

/** @returns null where only the usage was asked for */
export function readOptions(args: readonly string[]): BenchOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      long: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      beside: { type: 'string' },
      directory: { type: 'string', default: tmpdir() },
      image: { type: 'boolean', default: false },
      publish: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return null
  const { beside = null } = values
  if (values.quick && values.publish) throw new Error('--quick shows that it works; its numbers are not published')
  if (beside !== null && values.publish)
    throw new Error('--publish writes a page that compares Holdfast with others, not with a checkout that is --beside')
  return {
    plan: values.quick ? quickPlan : values.long ? longPlan : fullPlan,
    sections: chooseSections(values.only, beside !== null),
    beside,
    directory: values.directory,
    hasImage: values.image,
    isPublished: values.publish,
  }
}

function chooseSections(only: readonly string[], hasBeside: boolean): readonly SectionName[] {
  const wanted = only.flatMap((names) => names.split(','))
  const possible: readonly SectionName[] = hasBeside ? sideBySideNames : sectionNames
  const unknown = wanted.filter((name) => !possible.some((section) => section === name))
  if (unknown.length > 0)
    throw new Error(`--only ${unknown.join()}: there are ${possible.join()}${hasBeside ? ' with --beside' : ''}`)
  const usual = hasBeside ? sideBySideNames.filter(anyKnows) : possible
  return possible.filter((section) => (wanted.length === 0 ? usual : wanted).includes(section))
}

/** @returns whether a section can be measured with a checkout of any age */
function anyKnows(section: SectionName): boolean {
  return section !== 'replicated'
}
