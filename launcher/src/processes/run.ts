import { execFile } from 'node:child_process'

export interface RunResult {
  readonly isOk: boolean
  /** It holds standard output and standard error, as they came. */
  readonly output: string
  /** A phrase says what went wrong; it is empty where nothing did. */
  readonly problem: string
  readonly isMissing: boolean
}

export interface RunOptions {
  readonly deadlineMs: number
  readonly signal: AbortSignal
  readonly env?: NodeJS.ProcessEnv
}

/** Runs a program to its end. A failure is an answer here, not an error: only an abort is thrown. */
export async function run(file: string, args: readonly string[], options: RunOptions): Promise<RunResult> {
  const { deadlineMs, signal, env } = options
  signal.throwIfAborted()
  const result = await new Promise<RunResult>((resolve) => {
    execFile(
      file,
      args,
      { timeout: deadlineMs, killSignal: 'SIGKILL', signal, maxBuffer: 4 * 1024 * 1024, ...(env && { env }) },
      (error, stdout, stderr) => {
        const isMissing = error !== null && error.code === 'ENOENT'
        resolve({
          isOk: error === null,
          output: stdout + stderr,
          problem: problemOf(error, stderr, options),
          isMissing,
        })
      },
    )
  })
  signal.throwIfAborted()
  return result
}

function problemOf(error: Error | null, stderr: string, { deadlineMs }: RunOptions): string {
  if (error === null) return ''
  if ('killed' in error && error.killed === true) return `no end after ${deadlineMs / 1000} s`
  const lastLine = stderr.trim().split('\n').at(-1) ?? ''
  return (lastLine === '' ? error.message : lastLine).slice(0, 300)
}
