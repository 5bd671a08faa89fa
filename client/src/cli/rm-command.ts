import type { DeletedFile } from '../answers.ts'
import { type Console, printResult } from './console.ts'
import { errorJson, exitCodeOf, sentenceOf } from './exit-code.ts'
import { findStored } from './stored-file.ts'

/**
 * Deletes one file after the other, and goes on past failures. @param names are names, ids or links. @returns the exit
 * code of the first failure, or 0.
 */
export async function rm(console: Console, names: readonly string[]): Promise<number> {
  let exitCode = 0
  for (const name of names) {
    try {
      const deleted = await deleteStored(console, name)
      printResult(console, deleted, `deleted ${deleted.filename}`)
    } catch (error) {
      console.stderr.write(console.isJson ? `${errorJson(error, name)}\n` : `holdfast: ${sentenceOf(error, name)}\n`)
      exitCode ||= exitCodeOf(error)
      if (console.signal.aborted) break
    }
  }
  return exitCode
}

function deleteStored(console: Console, wanted: string): Promise<DeletedFile> {
  const { client, signal } = console
  return findStored<DeletedFile>(console, wanted, {
    byName: (name) => client.delete(name, { signal }),
    byId: async (owner, id) => {
      const file = await owner.deleteById(id, { signal })
      return { filename: file.name, id: file.id }
    },
  })
}
