import { run } from '../processes/run.ts'

/** A mongod that was run once, with `--version`. */
export interface MongodBinary {
  readonly path: string
  readonly version: string
  /** Where it came from, in words for a person. */
  readonly source: string
}

/** Data of one series (6.0, 8.0, ...) opens under every version of that series, and under no other. */
export function isSameSeries(one: string, other: string): boolean {
  return seriesOf(one) === seriesOf(other)
}

export function seriesOf(version: string): string {
  return version.split('.').slice(0, 2).join('.')
}

function parseVersion(output: string): string | null {
  return /^\s*db version v?(\d+\.\d+\.\d+)/m.exec(output)?.[1] ?? null
}

function missingLibraries(lddOutput: string): readonly string[] {
  return [...lddOutput.matchAll(/^\s*(\S+) => not found$/gm)].map((match) => match[1] ?? '')
}

/** Which package brings a library, by the name Debian and Ubuntu give it. */
const packageOf: Readonly<Record<string, string>> = {
  'libcurl.so.4': 'libcurl4',
  'libssl.so.3': 'libssl3',
  'libcrypto.so.3': 'libssl3',
}

/** @returns the binary, or a phrase that says why it cannot be used. */
export async function inspectMongod(path: string, source: string, signal: AbortSignal): Promise<MongodBinary | string> {
  const result = await run(path, ['--version'], { deadlineMs: 15_000, signal })
  const version = parseVersion(result.output)
  if (result.isOk && version !== null) return { path, version, source }
  if (result.isOk) return `${path} is not a mongod`
  const libraries = missingLibraries((await run('ldd', [path], { deadlineMs: 15_000, signal })).output)
  if (libraries.length === 0) return `${path} cannot be run (${result.problem})`
  const packages = [...new Set(libraries.flatMap((library) => packageOf[library] ?? []))]
  const remedy = packages.length > 0 ? ` (Debian, Ubuntu: apt-get install ${packages.join(' ')})` : ''
  return `${path} needs ${libraries.join(', ')}, which this machine does not have${remedy}`
}
