import type { MongodBinary } from './mongod-binary.ts'

export interface SourceContext {
  readonly environment: NodeJS.ProcessEnv
  readonly cacheDirectory: string
  /** The binary that made the data, or null for new data. */
  readonly madeBy: { readonly path: string; readonly version: string } | null
  /** One line for the person who waits. */
  readonly report: (line: string) => void
  readonly signal: AbortSignal
}

/** A place that a mongod can come from. @returns the binary, or a phrase that says why there is none. */
export type MongodSource = (context: SourceContext) => Promise<MongodBinary | string>
