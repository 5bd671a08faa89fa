import { createHash } from 'node:crypto'
import { decodeBencode, encodeBencode } from './bencode.ts'

/** Says in a sentence what is wrong with a torrent or a magnet link. */
export class TorrentError extends Error {
  override readonly name = 'TorrentError'
}

export interface TorrentFile {
  /** The path begins below the torrent's own, and is empty where the torrent is of one file. */
  readonly path: readonly string[]
  readonly length: number
  /** Padding is zeros that let the next file begin with a piece (BEP 47); nobody wants them. */
  readonly isPadding: boolean
}

/** A torrent that was checked says this. */
export interface Metainfo {
  readonly infoHash: string
  readonly name: string
  readonly length: number
  readonly pieceLength: number
  /** There are 20 bytes a piece. */
  readonly pieces: Buffer
  readonly files: readonly TorrentFile[]
  readonly trackers: readonly string[]
  readonly webSeeds: readonly string[]
  /** This is the torrent with nothing in it but its info. */
  readonly bare: Buffer
}

/** A torrent of so many pieces takes some 50 MiB of memory. */
export const MAX_PIECES = 262_144
/** A web seed is asked for a whole piece, which is held in memory. */
export const MAX_PIECE_LENGTH = 32 * 1024 ** 2
export const MAX_TORRENT_BYTES = 16 * 1024 ** 2
const MAX_FILES = 10_000
const MAX_DEPTH = 32
const MAX_TRACKERS = 20
const MAX_WEB_SEEDS = 10
const DIGEST_BYTES = 20

/**
 * Reads a `.torrent` from anywhere. Of a hybrid (BEP 52) it takes what version 1 says. @throws TorrentError that says what is
 * wrong with it
 */
export function readTorrent(bytes: Uint8Array): Metainfo {
  if (bytes.length > MAX_TORRENT_BYTES) throw new TorrentError('the torrent is larger than 16 MiB')
  const torrent = decode(bytes)
  const info = dictionaryIn(torrent, 'info')
  if (info === null) throw new TorrentError('it is no torrent: it has no info')
  if (info.pieces === undefined && info['meta version'] === 2)
    throw new TorrentError('the torrent is of version 2 alone, which is not understood here')
  const name = nameOf(textOf(info['name.utf-8'] ?? info.name))
  const files = filesOf(info)
  const length = files.reduce((sum, file) => sum + file.length, 0)
  const pieceLength = info['piece length']
  requireSizes(length, pieceLength)
  const pieces = info.pieces
  if (!isBytes(pieces) || pieces.length !== DIGEST_BYTES * Math.ceil(length / pieceLength))
    throw new TorrentError('the torrent does not have one digest a piece')
  const encoded = encodeBencode(info)
  // webtorrent encodes it again, too, and would look for the peers of another torrent.
  if (!Buffer.from(bytes).includes(Buffer.concat([Buffer.from('4:info'), encoded])) || !hasTextKeys(info))
    throw new TorrentError('the torrent holds what cannot be kept as it is, so that no other peers would be found')
  const trackers = [...listIn(torrent['announce-list']).flatMap((tier) => listIn(tier)), torrent.announce]
  return {
    ...{ name, files, length, pieceLength, pieces: Buffer.from(pieces) },
    infoHash: createHash('sha1').update(encoded).digest('hex'),
    trackers: trackersIn(trackers),
    webSeeds: webSeedsIn(Array.isArray(torrent['url-list']) ? torrent['url-list'] : [torrent['url-list']]),
    bare: encodeBencode({ info }),
  }
}

/** @throws TorrentError where so many bytes in such pieces are more than is taken here */
export function requireSizes(length: number, pieceLength: unknown): asserts pieceLength is number {
  if (!Number.isSafeInteger(length) || length < 1)
    throw new TorrentError('the torrent is of nothing, or of no size that a file can have')
  if (typeof pieceLength !== 'number' || !Number.isSafeInteger(pieceLength) || pieceLength < 1)
    throw new TorrentError('the torrent does not say how long its pieces are')
  if (pieceLength > MAX_PIECE_LENGTH) throw new TorrentError('the torrent has pieces of more than 32 MiB')
  if (Math.ceil(length / pieceLength) > MAX_PIECES)
    throw new TorrentError(`the torrent has more than ${MAX_PIECES} pieces`)
}

type Dictionary = Readonly<Record<string, unknown>>

function decode(bytes: Uint8Array): Dictionary {
  try {
    const decoded = decodeBencode(bytes)
    if (isDictionary(decoded)) return decoded
  } catch {
    throw new TorrentError('it is no torrent: it is not bencoded')
  }
  throw new TorrentError('it is no torrent: it is no dictionary')
}

/** webtorrent takes keys for texts, has no `__proto__`, and sorts by UTF-16. @returns whether it encodes all as they are */
function hasTextKeys(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(hasTextKeys)
  if (!isDictionary(value)) return true
  const keys = Object.keys(value).sort()
  const texts = keys.map((key) => Buffer.from(key, 'latin1').toString('utf8'))
  const areKept = texts.every((text, index) => !/\uFFFD|^__proto__$/.test(text) && !((texts[index - 1] ?? '') > text))
  return areKept && Object.values(value).every(hasTextKeys)
}

function filesOf(info: Dictionary): TorrentFile[] {
  if (info.files === undefined) return [{ path: [], length: lengthOf(info.length), isPadding: false }]
  const files = listIn(info.files)
  if (files.length === 0 || files.length > MAX_FILES)
    throw new TorrentError(`the torrent has no files, or more than ${MAX_FILES}`)
  const found = files.map((file) => {
    if (!isDictionary(file)) throw new TorrentError('the torrent has a file that is none')
    const path = listIn(file['path.utf-8'] ?? file.path).map((part) => nameOf(textOf(part)))
    if (path.length === 0 || path.length > MAX_DEPTH) throw new TorrentError('the torrent has a file without a path')
    return { path, length: lengthOf(file.length), isPadding: textOf(file.attr)?.includes('p') === true }
  })
  requireDistinct(found)
  return found
}

/** @throws TorrentError where a disk without case, or with one way of writing accents, would take two files for one */
export function requireDistinctNames({ files }: Pick<Metainfo, 'files'>): void {
  const sentence = 'the torrent has two files whose names some disks take for one'
  requireDistinct(files, (path) => path.join('/').normalize('NFC').toLowerCase(), sentence)
}

/**
 * Two files at one path, or a file where another needs a directory, would write over each other. Padding of one length is
 * called alike everywhere, and is the same zeros.
 */
function requireDistinct(
  files: readonly TorrentFile[],
  placeOf = (path: readonly string[]) => path.join('/'),
  sentence = 'the torrent has two files at one path',
): void {
  const places = new Map<string, TorrentFile>()
  for (const file of files) {
    const place = placeOf(file.path)
    const other = places.get(place)
    const isSame = other === undefined || (other.isPadding && file.isPadding && other.length === file.length)
    if (!isSame) throw new TorrentError(sentence)
    places.set(place, file)
  }
  const directories = new Set(
    files.flatMap(({ path }) => path.slice(0, -1).map((_, last) => placeOf(path.slice(0, last + 1)))),
  )
  if ([...directories].some((directory) => places.has(directory))) throw new TorrentError(sentence)
}

function lengthOf(length: unknown): number {
  if (typeof length !== 'number' || !Number.isSafeInteger(length) || length < 0)
    throw new TorrentError('the torrent has a file of no size that a file can have')
  return length
}

/** A name becomes a part of a path, so it must not lead anywhere else. */
function nameOf(name: string | null): string {
  if (name === null || name === '' || name === '.' || name === '..' || Buffer.byteLength(name) > 255)
    throw new TorrentError('the torrent names a file by what is no name')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
  if (/[/\\\u0000-\u001f\u007f]/.test(name))
    throw new TorrentError(
      `the torrent names a file by a path or by characters that no name has: ${JSON.stringify(name)}`,
    )
  return name
}

/** @returns those that are asked over HTTP or UDP */
export function trackersIn(values: readonly unknown[]): string[] {
  return addressesOf(values, /^(https?|udp):\/\/[^\s]+$/, MAX_TRACKERS)
}

export function webSeedsIn(values: readonly unknown[]): string[] {
  return addressesOf(values, /^https?:\/\/[^\s]+$/, MAX_WEB_SEEDS)
}

function addressesOf(values: readonly unknown[], pattern: RegExp, most: number): string[] {
  const texts = values.map(textOf).filter((text) => text !== null)
  const good = texts.filter((text) => text.length <= 2_000 && pattern.test(text) && isAddress(text))
  return [...new Set(good)].slice(0, most)
}

/** Nothing can be sent to port 0. */
function isAddress(text: string): boolean {
  return URL.canParse(text) && new URL(text).port !== '0'
}

function dictionaryIn(from: Dictionary, key: string): Dictionary | null {
  const value = from[key]
  return isDictionary(value) ? value : null
}

function isDictionary(value: unknown): value is Dictionary {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isBytes(value)
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array
}

function listIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value
  if (!isBytes(value)) return null
  const text = Buffer.from(value).toString('utf8')
  return text.includes('\uFFFD') ? null : text
}
