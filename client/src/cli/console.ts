import type { Readable, Writable } from 'node:stream'
import type { StoreClient } from '../store-client.ts'

/** What a command works with. */
export interface Console {
  readonly client: StoreClient
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: NodeJS.WriteStream
  readonly isJson: boolean
  readonly signal: AbortSignal
}

/** The one line of a result: for programs where they asked for it, else for people. */
export function printResult(console: Console, result: object, sentence: string): void {
  console.stdout.write(`${console.isJson ? JSON.stringify(result) : sentence}\n`)
}
