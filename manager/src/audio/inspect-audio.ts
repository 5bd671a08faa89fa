import { randomBytes } from 'node:crypto'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { type FileName, parseFileName } from '@holdfast/shared/file-name'
import type { Logger } from '@holdfast/shared/node/logger'
import type { Findings, Inspector } from '../files/inspection.ts'
import { audioFieldsOf } from './audio-fields-of.ts'
import { containers, SNIFF_BYTES, sniffContainer } from './container.ts'
import type { AudioMetadata } from './metadata/metadata.ts'
import type { MetadataReader } from './metadata/metadata-reader.ts'

const understood = 'wav, mp3, flac, ogg, opus, m4a, aac, aiff, wma and webm are understood, whatever the name says'
/** A made name has so much of a title and an artist, which is short enough for a file system. */
const MAX_MADE_LENGTH = 120

/**
 * Notes what audio files say of themselves, whichever way they come in. A file that is broken is stored all the same, and so
 * is one that cannot be read for now, whose metadata is due.
 */
export function audioInspector(reader: MetadataReader, log: Logger): Inspector {
  return {
    begin(headOf) {
      if (sniffContainer(headOf(SNIFF_BYTES)) === null) return null
      return async (content, { name, signal, requestId }) => {
        try {
          const result = await reader.readMetadata(content, signal)
          return result.kind === 'audio' ? { audio: audioFieldsOf(result.metadata, name) } : {}
        } catch (error) {
          if (signal.aborted) throw error
          log.warn({ requestId, err: error }, 'audio metadata not read yet')
          return { isAudioDue: true }
        }
      }
    },
  }
}

/**
 * Lets nothing but audio in. Its inspections throw UNSUPPORTED_MEDIA for what is none, INVALID_MEDIA for what cannot be read,
 * and OVERLOADED.
 * @param isNamed whether the client named the file; else a name is made of its tags, or of the time
 */
export function onlyAudio(reader: MetadataReader, isNamed: boolean): Inspector {
  return {
    begin(headOf) {
      const head = headOf(SNIFF_BYTES)
      if (head.length === 0) throw new StoreError('UNSUPPORTED_MEDIA', 'the file is empty')
      if (sniffContainer(head) === null)
        throw new StoreError('UNSUPPORTED_MEDIA', `the file begins like no audio; ${understood}`)
      return async (content, { name, signal }): Promise<Findings> => {
        const result = await reader.readMetadata(content, signal)
        if (result.kind === 'not-audio')
          throw new StoreError('UNSUPPORTED_MEDIA', `the file is no audio: ${result.reason}`)
        if (result.kind === 'broken')
          throw new StoreError('INVALID_MEDIA', `the audio cannot be read: ${result.reason}`)
        const { metadata } = result
        const { contentType } = containers[metadata.container]
        const ownName = isNamed ? name : makeName(metadata, new Date())
        return { audio: audioFieldsOf(metadata, ownName), contentType, name: ownName }
      }
    },
  }
}

/** Makes a name such as `Artist - Title 3f9a1c2b.mp3`, or with the time where there is no title. No two are the same. */
function makeName({ tags, container, codec }: AudioMetadata, now: Date): FileName {
  const told = tags.title === undefined ? undefined : [tags.artist, tags.title].filter(Boolean).join(' - ')
  const clean = (told ?? '')
    .replace(/[/\\:*?"<>|]+/g, '_')
    .slice(0, MAX_MADE_LENGTH)
    .trim()
    .toWellFormed()
  const time = now.toISOString().replace(/[-:]|\.\d+/g, '')
  const ending = codec === 'opus' && container === 'ogg' ? 'opus' : containers[container].ending
  const made = (text: string): FileName => parseFileName(`${text} ${randomBytes(4).toString('hex')}.${ending}`)
  // A title may hold what no name may.
  try {
    return made(clean === '' ? `audio ${time}` : clean)
  } catch {
    return made(`audio ${time}`)
  }
}
