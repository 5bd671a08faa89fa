import type { StartOptions } from '../arguments.ts'
import type { DataLayout } from '../data/data-layout.ts'
import type { Progress } from './progress.ts'

export interface Programs {
  readonly manager: string
  readonly fileServer: string
}

/** A start leaves a list of these behind. They are stopped in reverse order. */
export interface Started {
  stop(): Promise<void>
  /** Ends it at once, in no order. */
  kill?(): void
}

export interface LaunchContext {
  readonly options: StartOptions
  readonly layout: DataLayout
  readonly environment: NodeJS.ProcessEnv
  readonly programs: Programs
  readonly progress: Progress
  readonly signal: AbortSignal
  readonly started: Started[]
}
