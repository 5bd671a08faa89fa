import type { FileName } from '@holdfast/shared/file-name'
import { PART_BYTES } from '@holdfast/shared/limits'
import type { Logger } from '@holdfast/shared/node/logger'
import type { ByteSpan, PlacedChunk } from '../chunks/chunk.ts'
import { type ReadDeps, readChunks } from '../chunks/reading/read-chunks.ts'
import type { AudioFields } from './audio-fields.ts'
import type { FileRecord } from './file.model.ts'

/** The bytes of a file on its way in are all there, but its record is not. */
export interface IncomingContent {
  readonly size: number
  /** These are the first bytes, as many as are held. */
  readonly head: Buffer
  /** @returns the bytes `start` to `end`. @throws FILE_UNAVAILABLE */
  read(start: number, end: number): Promise<Buffer>
}

/** An inspection tells this of a file, for its record. */
export interface Findings {
  readonly audio?: AudioFields
  /** Nothing could be found out, and that was not the file's fault: it is to be looked into later. */
  readonly isAudioDue?: true
  /** It replaces the type that name and first bytes suggest. */
  readonly contentType?: string
  /** It replaces a name that was made up. */
  readonly name?: FileName
}

/** An inspection is told this of the file besides its content. */
export interface InspectedFile {
  readonly name: FileName
  readonly requestId: string
  readonly signal: AbortSignal
}

/** Looks into files on their way in. */
export interface Inspector {
  /**
   * Judges by the first bytes whether a file is worth a look.
   * @param headOf gives as many of them as it is asked for, or all there are
   * @returns null where nothing is to be found. @throws StoreError where the file is refused before it is stored
   */
  begin(headOf: (length: number) => Buffer): Inspection | null
}

/** @throws StoreError where the file is refused: then nothing of it is kept */
export type Inspection = (content: IncomingContent, file: InspectedFile) => Promise<Findings>

export interface InspectionDeps {
  readonly inspector: Inspector
  /** Bytes that are not held are read back with these. */
  readonly reading: ReadDeps
  readonly log: Logger
  /** Is told of each file that has become visible. It returns at once, and does not throw. */
  readonly onVisible?: (record: FileRecord) => void
}

/** @returns content whose bytes are all held */
export function heldContent(bytes: Buffer): IncomingContent {
  return { size: bytes.length, head: bytes, read: async (start, end) => bytes.subarray(start, end) }
}

/** Content that is read back keeps this many parts, for what is looked for stands at the beginning and at the end of a file. */
const KEPT_PARTS = 2

/** Content that is read back has so many bytes in memory at most. */
export const CONTENT_MEMORY_BYTES = KEPT_PARTS * PART_BYTES

/** @returns content that is read back from where it was stored */
export function storedContent(
  { reading, log }: InspectionDeps,
  { chunks, size, head }: { readonly chunks: readonly PlacedChunk[]; readonly size: number; readonly head: Buffer },
  { requestId, signal }: Pick<InspectedFile, 'requestId' | 'signal'>,
): IncomingContent {
  const context = { requestId, signal, log }
  return contentReadBy(
    (range) => readChunks(reading, { chunks, range, lookAgain: async () => null }, context, unhurried),
    { size, head },
  )
}

/** Parts are read one after the other, and none of them is given back while it is kept. */
export const unhurried = { isAhead: false, isTaken: () => false } as const

/** @returns content that is read a part at a time, for a part is verified as a whole */
export function contentReadBy(
  readRange: (range: ByteSpan) => AsyncIterable<Buffer>,
  { size, head }: Pick<IncomingContent, 'size' | 'head'>,
): IncomingContent {
  const parts = new Map<number, Promise<Buffer>>()
  const readPart = async (index: number): Promise<Buffer> => {
    const start = index * PART_BYTES
    const pieces: Buffer[] = []
    for await (const piece of readRange({ start, end: Math.min(size, start + PART_BYTES) })) pieces.push(piece)
    return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces)
  }
  const partAt = (index: number): Promise<Buffer> => {
    const part = parts.get(index) ?? readPart(index)
    parts.delete(index)
    parts.set(index, part)
    const [oldest] = parts.keys()
    if (parts.size > KEPT_PARTS && oldest !== undefined) parts.delete(oldest)
    return part
  }
  return {
    size,
    head,
    async read(start, end) {
      const pieces: Buffer[] = []
      for (let index = Math.floor(start / PART_BYTES); index * PART_BYTES < end; index++) {
        const part = await partAt(index)
        const partStart = index * PART_BYTES
        pieces.push(part.subarray(Math.max(0, start - partStart), end - partStart))
      }
      return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces)
    },
  }
}
