import { parseFileName } from '@holdfast/shared/file-name'
import fc from 'fast-check'
import type { BodyEvent, BodyScanner } from '../../src/bodies/formats/body-scanner.ts'

export interface Scanned {
  readonly name: string
  readonly encoding: string
  readonly bytes: Buffer
}

/** Feeds a whole body in the given pieces and gathers what came of it. */
export async function scan(scanner: BodyScanner, pieces: readonly Buffer[]): Promise<Scanned> {
  const events: BodyEvent[] = []
  for (const piece of pieces) events.push(...(await scanner.push(piece)))
  events.push(...(await scanner.end()))
  const names = events.flatMap((event) => (event.kind === 'name' ? [event.name] : []))
  const files = events.flatMap((event) => (event.kind === 'file' ? [event.encoding] : []))
  const ends = events.filter((event) => event.kind === 'file-end')
  const name = names.at(-1)
  const [encoding] = files
  if (name === undefined || encoding === undefined || names.length > 2 || files.length + ends.length !== 2) {
    throw new Error(`a scanner's events make no file: ${events.map((event) => event.kind).join()}`)
  }
  const bytes = Buffer.concat(events.flatMap((event) => (event.kind === 'bytes' ? [event.bytes] : [])))
  return { name, encoding, bytes }
}

/** Cuts a body at the given places, which may be any numbers. */
export function cut(body: Buffer, places: readonly number[]): Buffer[] {
  const offsets = [...places.map((place) => place % (body.length + 1)), body.length].sort((a, b) => a - b)
  let start = 0
  return offsets.map((end) => {
    const piece = Buffer.from(body.subarray(start, end))
    start = end
    return piece
  })
}

export function everyByte(body: Buffer): Buffer[] {
  return cut(body, [...body.keys()])
}

/** @returns the name of the error that a promise ends with */
export async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    return error instanceof Error ? error.name : String(error)
  }
  return 'no error'
}

/** Makes any text that is a legal file name. */
export const fileName = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((text) => {
  try {
    return parseFileName(text) !== ''
  } catch {
    return false
  }
})
