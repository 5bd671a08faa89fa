/** How a process ended. */
export interface ProcessEnd {
  /** In words: `exit code 1`, `signal SIGKILL`. */
  readonly how: string
  /** The sentence of a process that said that it cannot start. */
  readonly cannotStart: string | null
}

export interface RunningProcess {
  readonly pid: number
  /** Never rejects. */
  readonly ended: Promise<ProcessEnd>
  /** Ends it orderly, by force after a deadline. Resolves when it is gone. */
  stop(): Promise<void>
  kill(): void
}
