import type { MongodBinary } from './mongod-binary.ts'

export interface SourceContext {
  readonly environment: NodeJS.ProcessEnv
  readonly cacheDirectory: string
  /** This binary made the data; it is null for new data. */
  readonly madeBy: { readonly path: string; readonly version: string } | null
  /** Gets a line for the person who waits. */
  readonly report: (line: string) => void
  readonly signal: AbortSignal
}

/**
 * A mongod can come from several places, and each of them is such a function.
 * @returns the binary, or a phrase that says why there is none.
 */
export type MongodSource = (context: SourceContext) => Promise<MongodBinary | string>
