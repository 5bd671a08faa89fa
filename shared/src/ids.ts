import { StoreError } from './errors/store-error.ts'

/** A file's id has 24 hex digits and is its record's `_id`. */
export type FileId = string & { readonly brand: 'FileId' }
/**
 * A copyId has 40 hex digits: its holder's id (24), the chunk's number in that (5) and random ones (11). The holder is the
 * file's record, or an extent of it. It names one
 * placement for ever.
 */
export type CopyId = string & { readonly brand: 'CopyId' }
/** A file-server's id has 16 hex digits. It is made with a data directory and kept in it. */
export type ServerId = string & { readonly brand: 'ServerId' }
/** A cluster's id has 16 hex digits and is made with its database. */
export type ClusterId = string & { readonly brand: 'ClusterId' }
/** A digest is a sha-256 of 64 hex digits. */
export type Digest = string & { readonly brand: 'Digest' }
/** A part key has 32 random hex digits. It is made with a document of chunks, a file's or an extent's, and the tags of all their parts are made with it. */
export type PartKey = string & { readonly brand: 'PartKey' }
/** A link's id has 32 random hex digits, which alone let their owner read the file. */
export type LinkId = string & { readonly brand: 'LinkId' }
/** A slot is a place in a file-server's directory tree, numbered from 0 to 36^6 - 1. */
export type Slot = number & { readonly brand: 'Slot' }

export const SLOT_RADIX = 36
export const SLOT_DIGITS = 6
export const SLOT_COUNT = SLOT_RADIX ** SLOT_DIGITS

const patterns = {
  CopyId: /^[0-9a-f]{40}$/,
  ServerId: /^[0-9a-f]{16}$/,
  ClusterId: /^[0-9a-f]{16}$/,
  Digest: /^[0-9a-f]{64}$/,
  PartKey: /^[0-9a-f]{32}$/,
  LinkId: /^[0-9a-f]{32}$/,
  FileId: /^[0-9a-f]{24}$/,
}

function isMatching(kind: keyof typeof patterns, value: unknown): boolean {
  return typeof value === 'string' && patterns[kind].test(value)
}

export const isCopyId = (value: unknown): value is CopyId => isMatching('CopyId', value)
export const isServerId = (value: unknown): value is ServerId => isMatching('ServerId', value)
export const isClusterId = (value: unknown): value is ClusterId => isMatching('ClusterId', value)
export const isDigest = (value: unknown): value is Digest => isMatching('Digest', value)
export const isPartKey = (value: unknown): value is PartKey => isMatching('PartKey', value)
export const isLinkId = (value: unknown): value is LinkId => isMatching('LinkId', value)
export const isFileId = (value: unknown): value is FileId => isMatching('FileId', value)
export const isSlot = (value: unknown): value is Slot =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < SLOT_COUNT

const FILE_ID_DIGITS = 24
const CHUNK_NUMBER_DIGITS = 5
/** `makeCopyId` takes so many random digits. */
export const COPY_RANDOM_DIGITS = 11

/**
 * @param chunkNumber counts from 0
 * @param random COPY_RANDOM_DIGITS hex digits
 * @throws StoreError INTERNAL where these do not make a copyId
 */
export function makeCopyId(fileId: FileId, chunkNumber: number, random: string): CopyId {
  const copyId = fileId + chunkNumber.toString(16).padStart(CHUNK_NUMBER_DIGITS, '0') + random
  if (random.length !== COPY_RANDOM_DIGITS || !isCopyId(copyId))
    throw new StoreError('INTERNAL', `not a copy id: ${copyId}`)
  return copyId
}

/** ObjectIds begin with the seconds since 1970, and these are those of the year 2106, so that no file of a manager has such an id. */
const POSTED_FILE = 'ffffffff'
/** `makePostedCopyId` takes so many random digits. */
export const POSTED_RANDOM_DIGITS = FILE_ID_DIGITS - POSTED_FILE.length + COPY_RANDOM_DIGITS

/**
 * Names a copy that somebody other than a manager has a file-server store. It belongs to a file of its own, as its first chunk,
 * so that a manager could adopt it by a record with that id.
 * @param random POSTED_RANDOM_DIGITS hex digits
 */
export function makePostedCopyId(random: string): CopyId {
  const fileId = (POSTED_FILE + random.slice(COPY_RANDOM_DIGITS)) as FileId
  return makeCopyId(fileId, 0, random.slice(0, COPY_RANDOM_DIGITS))
}

/** @returns whether a copy came by a file-server's chunk port and not from a manager */
export function isPosted(copyId: CopyId): boolean {
  return copyId.startsWith(POSTED_FILE)
}

export function fileIdOf(copyId: CopyId): FileId {
  return copyId.slice(0, FILE_ID_DIGITS) as FileId
}

export function chunkNumberOf(copyId: CopyId): number {
  return Number.parseInt(copyId.slice(FILE_ID_DIGITS, FILE_ID_DIGITS + CHUNK_NUMBER_DIGITS), 16)
}
