import { type Console, printResult } from './console.ts'
import { errorJson, exitCodeOf, sentenceOf } from './exit-code.ts'

/** Deletes one file after the other, and goes on past failures. @returns the exit code of the first failure, or 0. */
export async function rm(console: Console, names: readonly string[]): Promise<number> {
  let exitCode = 0
  for (const name of names) {
    try {
      const deleted = await console.client.delete(name, { signal: console.signal })
      printResult(console, deleted, `deleted ${deleted.filename}`)
    } catch (error) {
      console.stderr.write(console.isJson ? `${errorJson(error, name)}\n` : `holdfast: ${sentenceOf(error, name)}\n`)
      exitCode ||= exitCodeOf(error)
      if (console.signal.aborted) break
    }
  }
  return exitCode
}
