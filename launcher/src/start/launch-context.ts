import type { StartOptions } from '../arguments.ts'
import type { DataLayout } from '../data/data-layout.ts'
import type { Progress } from './progress.ts'

/** The built programs of manager and file-server. */
export interface Programs {
  readonly manager: string
  readonly fileServer: string
}

/** Something that a start made. What was made last is given back first. */
export interface Started {
  stop(): Promise<void>
  /** At once, without order. */
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
