import { run } from '../processes/run.ts'

/** This mongod has been run once, with `--version`, so that a broken or foreign binary does not get this far. */
export interface MongodBinary {
  readonly path: string
  readonly version: string
  /** Says in words for a person where the binary came from. */
  readonly source: string
}

/** mongod opens data of its own series (6.0, 8.0, ...) and of no other. */
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

/** Names the package that brings a library, as Debian and Ubuntu call it. */
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
