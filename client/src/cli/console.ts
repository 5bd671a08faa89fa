import type { Readable, Writable } from 'node:stream'
import type { StoreClient } from '../store-client.ts'

export interface Console {
  readonly client: StoreClient
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: NodeJS.WriteStream
  readonly isJson: boolean
  readonly signal: AbortSignal
}

/** Prints the one line of a result, as JSON for programs that asked for it, else as a sentence. */
export function printResult(console: Console, result: object, sentence: string): void {
  console.stdout.write(`${console.isJson ? JSON.stringify(result) : sentence}\n`)
}
