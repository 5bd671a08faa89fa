import type { Container } from '../container.ts'

/** These are the tags of a file, as far as they are understood whatever their format. */
export interface AudioTags {
  readonly title?: string
  readonly artist?: string
  readonly artists?: readonly string[]
  readonly album?: string
  readonly albumArtist?: string
  readonly year?: number
  readonly track?: number
  readonly trackCount?: number
  readonly disc?: number
  readonly discCount?: number
  readonly genre?: readonly string[]
}

/** A file says this of itself. What it does not say is null. */
export interface AudioMetadata {
  readonly container: Container
  readonly codec: string
  /** The duration is in seconds. */
  readonly duration: number | null
  /** Tells whether the duration follows from what is there, such as the bit rate of the first frames, for nothing tells it. */
  readonly isEstimated: boolean
  /** It counts bits a second. */
  readonly bitRate: number | null
  readonly sampleRate: number | null
  readonly channels: number | null
  readonly bitDepth: number | null
  readonly lossless: boolean
  readonly tags: AudioTags
  readonly cover: { readonly contentType: string; readonly size: number } | null
  /** Says what shows, without decoding it, that the file is not whole, if anything does. */
  readonly flaw: string | null
}

export type MetadataResult =
  | { readonly kind: 'audio'; readonly metadata: AudioMetadata }
  | { readonly kind: 'not-audio'; readonly reason: string }
  | { readonly kind: 'broken'; readonly reason: string }

export interface Cover {
  readonly contentType: string
  readonly bytes: Uint8Array
}

/** @returns bits a second of a file that does not tell them itself */
export function meanRate(size: number, duration: number | null): number | null {
  return duration === null || duration <= 0 ? null : Math.round((size * 8) / duration)
}
