import { createHash } from 'node:crypto'
import { audioFieldsOf } from '@holdfast/manager/audio/audio-fields-of'
import type { AudioMetadata } from '@holdfast/manager/audio/metadata/metadata'
import type { Chunk } from '@holdfast/manager/chunks/chunk'
import type { FileRecord } from '@holdfast/manager/files/file.model'
import type { FileName } from '@holdfast/shared/file-name'
import type { Digest, PartKey } from '@holdfast/shared/ids'
import mongoose from 'mongoose'
import { Chance } from './chance.ts'

const { ObjectId } = mongoose.mongo

/** A chunk is 4 MiB, but for the last one of a file. */
const CHUNK_BYTES = 4 * 1024 ** 2
const SERVERS = ['aaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbb', 'cccccccccccccccc']
/** The collection has grown over three years up to then. */
const BEGUN_AT = Date.UTC(2023, 10, 1)
const GROWN_MS = 3 * 365 * 86_400_000

const genres = [
  ...['Rock', 'Pop', 'Electronic', 'Jazz', 'Classical', 'Hip Hop', 'Metal', 'Folk', 'Soul', 'Indie', 'Blues', 'Punk'],
  ...['Ambient', 'Country', 'House', 'Techno', 'Reggae', 'Funk', 'Soundtrack', 'R&B', 'Latin', 'World', 'Disco', 'Ska'],
  ...['Trip Hop', 'Gospel', 'Opera', 'Drum & Bass', 'Chanson', 'Krautrock', 'Bossa Nova', 'Afrobeat', 'Audiobook'],
]
const syllables = 'ba be bo da de di ka ke ko la le lo ma mi mo na ne no ra ri ro sa se so ta ti to va vi ve'.split(' ')

/** Albums are encoded like this, the commonest way first. */
const encodings = [
  { share: 0.58, container: 'mp3', codec: 'mp3', ending: 'mp3', rates: [320_000, 256_000, 192_000, 128_000] },
  { share: 0.26, container: 'flac', codec: 'flac', ending: 'flac', rates: [940_000, 860_000, 1_020_000, 720_000] },
  { share: 0.08, container: 'mp4', codec: 'aac', ending: 'm4a', rates: [256_000, 128_000] },
  { share: 0.04, container: 'ogg', codec: 'opus', ending: 'opus', rates: [128_000, 96_000] },
  { share: 0.02, container: 'ogg', codec: 'vorbis', ending: 'ogg', rates: [192_000, 160_000] },
  { share: 0.01, container: 'wav', codec: 'pcm', ending: 'wav', rates: [1_411_200] },
  { share: 0.01, container: 'wma', codec: 'wma', ending: 'wma', rates: [192_000] },
] as const

type Encoding = (typeof encodings)[number]

interface Album {
  readonly artist: string
  readonly album: string
  readonly year: number | undefined
  readonly genre: readonly string[] | undefined
  readonly trackCount: number
  readonly createdAt: number
  readonly encoding: Encoding
  readonly bitRate: number
  readonly sampleRate: number
  readonly channels: number
  readonly hasCover: boolean
  readonly isBook: boolean
}

/**
 * Makes the records of a music library as the manager writes them, the same in every run: some thousand artists of whom few have
 * many albums, albums of some eleven tracks, genres and words of which few are frequent.
 */
export function* makeTracks(count: number): Generator<FileRecord> {
  const chance = new Chance(18)
  const words = Array.from({ length: 4_000 }, () => makeWord(chance))
  const artists = Array.from({ length: Math.ceil(count / 30) }, () => makeTitle(chance, words, 1, 3))
  for (let made = 0; made < count; ) {
    const album = makeAlbum(chance, words, artists)
    for (let track = 1; track <= album.trackCount && made < count; track++, made++)
      yield makeTrack(chance, album, track, makeTitle(chance, words, 1, 5), made)
  }
}

function makeAlbum(chance: Chance, words: readonly string[], artists: readonly string[]): Album {
  const artist = chance.pick(artists, 1.7)
  const isBook = chance.is(0.01)
  const encoding = pickEncoding(chance)
  const genre = isBook ? 'Audiobook' : chance.pick(genres, 2.5)
  const isHighRate = encoding.codec === 'flac' && chance.is(0.15)
  return {
    artist,
    album: makeTitle(chance, words, 1, 4),
    year: chance.is(0.04) ? undefined : 2026 - Math.floor(chance.next() ** 1.6 * 70),
    genre: chance.is(0.03) ? undefined : [...new Set(chance.is(0.15) ? [genre, chance.pick(genres, 2.5)] : [genre])],
    trackCount: chance.is(0.12) ? chance.between(1, 3) : chance.between(7, 18),
    createdAt: BEGUN_AT + Math.floor(chance.next() * GROWN_MS),
    encoding,
    bitRate: chance.pick<number>(encoding.rates, 1.5) * (isHighRate ? 2.4 : 1),
    sampleRate: encoding.codec === 'opus' ? 48_000 : isHighRate ? 96_000 : chance.is(0.1) ? 48_000 : 44_100,
    channels: isBook ? 1 : chance.is(0.03) ? chance.pick([1, 6]) : 2,
    hasCover: chance.is(0.8),
    isBook,
  }
}

function pickEncoding(chance: Chance): Encoding {
  let left = chance.next()
  for (const encoding of encodings) {
    left -= encoding.share
    if (left < 0) return encoding
  }
  return encodings[0]
}

function makeTrack(chance: Chance, album: Album, track: number, title: string, number: number): FileRecord {
  const { artist, encoding } = album
  const duration = Math.round(chance.logNormal(album.isBook ? 1_500 : 225, 0.35) * 1_000) / 1_000
  const size = Math.round((duration * album.bitRate) / 8)
  const two = (value: number) => String(value).padStart(2, '0')
  // Every album of the same name would have the same files, so the path tells the number of its first.
  const name = `${artist}/${album.album} (${number - track + 1})/${two(track)} ${title}.${encoding.ending}` as FileName
  const _id = new ObjectId()
  const lossless = ['flac', 'pcm'].includes(encoding.codec)
  const metadata: AudioMetadata = {
    container: encoding.container,
    codec: encoding.codec,
    duration,
    isEstimated: false,
    bitRate: Math.round(album.bitRate),
    sampleRate: album.sampleRate,
    channels: album.channels,
    bitDepth: lossless ? 16 : null,
    lossless,
    tags: {
      title,
      artist,
      artists: [artist],
      album: album.album,
      albumArtist: artist,
      ...(album.year !== undefined && { year: album.year }),
      track,
      trackCount: album.trackCount,
      ...(album.genre !== undefined && { genre: album.genre }),
    },
    cover: album.hasCover ? { contentType: 'image/jpeg', size: 60_000 } : null,
    flaw: null,
  }
  const isDamaged = chance.is(0.01)
  return {
    _id,
    state: 'live',
    addressedBy: 'path',
    name,
    size,
    sha256: digestOf(`${number}`),
    contentType: `audio/${encoding.container}`,
    audio: {
      ...audioFieldsOf(metadata, name),
      verdict: isDamaged ? 'damaged' : 'ok',
      reason: isDamaged ? 'a problem when it was decoded' : null,
      isChecked: true,
      peaks: {
        sampleRate: album.sampleRate,
        samplesPerPeak: 8_192,
        data: chance.bytes(2 * Math.min(2_048, Math.round((duration * album.sampleRate) / 8_192))),
      },
    },
    owner: null,
    storageClass: 'replicated',
    createdAt: new Date(album.createdAt + track * 1_000),
    expiresAt: null,
    chunks: chunksOf(_id.toHexString(), size),
    partKey: '7'.repeat(32) as PartKey,
  }
}

function chunksOf(fileId: string, size: number): Chunk[] {
  return Array.from({ length: Math.ceil(size / CHUNK_BYTES) }, (_, number) => {
    const replicas = [0, 1].map((replica) => ({
      server: SERVERS[(number + replica) % SERVERS.length],
      slot: Number.parseInt(fileId.slice(-6), 16),
      copyId: digestOf(`${fileId}-${number}-${replica}`).slice(0, 40),
    }))
    return {
      size: Math.min(CHUNK_BYTES, size - number * CHUNK_BYTES),
      sha256: digestOf(`${fileId}-${number}`),
      replicas,
      tags: Buffer.alloc(16, number),
      version: 0,
    } as unknown as Chunk
  })
}

function makeWord(chance: Chance): string {
  const word = Array.from({ length: chance.between(1, 4) }, () => chance.pick(syllables)).join('')
  return chance.is(0.3) ? `${word}${chance.pick(['s', 'n', 'r', 'x'])}` : word
}

function makeTitle(chance: Chance, words: readonly string[], least: number, most: number): string {
  const chosen = Array.from({ length: chance.between(least, most) }, () => chance.pick(words, 2))
  return chosen.map((word) => word.slice(0, 1).toUpperCase() + word.slice(1)).join(' ')
}

function digestOf(text: string): Digest {
  return createHash('sha256').update(text).digest('hex') as Digest
}
