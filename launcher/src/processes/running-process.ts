export interface ProcessEnd {
  /** Says it in words: `exit code 1`, `signal SIGKILL`. */
  readonly how: string
  /** A process that cannot start says why in one sentence; it is null for any other end. */
  readonly cannotStart: string | null
}

export interface RunningProcess {
  readonly pid: number
  /** This promise never rejects. */
  readonly ended: Promise<ProcessEnd>
  /** Asks the process to end, and kills it after a deadline. Resolves when it is gone. */
  stop(): Promise<void>
  kill(): void
}
