import type { TrackMetadata } from '@holdfast/manager/peers/users/track-records'
import { anyWord, type Random, randomFrom, rareWord } from './words.ts'

/** So many files have the same bytes, on average. */
const COPIES = 2.5
/** An artist has so many recordings on average. */
const RECORDINGS_OF_ARTIST = 8
const FIRST_YEAR = 1_950
const YEARS = 75

/** Makes recordings that users may have, each the same for the same number. A few of them are at many users. */
export class Catalogue {
  readonly recordingCount: number
  readonly #artistCount: number

  /** @param trackCount so many files are to be drawn from it */
  constructor(trackCount: number) {
    this.recordingCount = Math.ceil(trackCount / COPIES)
    this.#artistCount = Math.ceil(this.recordingCount / RECORDINGS_OF_ARTIST)
  }

  recording(number: number): TrackMetadata {
    const random = randomFrom(number + 1)
    const artist = this.artist(popular(this.#artistCount, random))
    const digits = Array.from({ length: 5 }, () =>
      Math.floor(random() * 2 ** 32)
        .toString(16)
        .padStart(8, '0'),
    )
    return {
      song: title(random, 1, 5),
      artist,
      album: title(random, 1, 3),
      duration: 60 + Math.floor(random() * 400),
      fileSize: 1_000_000 + Math.floor(random() * 10_000_000),
      year: random() < 0.1 ? null : FIRST_YEAR + Math.floor(random() * YEARS),
      checksum: digits.join(''),
    }
  }

  /** @returns numbers of recordings that one user has */
  recordingsOf(user: number, count: number): number[] {
    const random = randomFrom(user * 104_729 + 17)
    const numbers = new Set<number>()
    while (numbers.size < Math.min(count, this.recordingCount)) numbers.add(popular(this.recordingCount, random))
    return [...numbers]
  }

  /** @returns a recording that users have, those that many have more often */
  any(random: Random): TrackMetadata {
    return this.recording(popular(this.recordingCount, random))
  }

  artist(number: number): string {
    const random = randomFrom(number * 31_337 + 5)
    const name = [rareWord(number), ...(random() < 0.7 ? [anyWord(random)] : [])]
    return (random() < 0.2 ? ['the', ...name] : name).map(capital).join(' ')
  }
}

function title(random: Random, fewest: number, most: number): string {
  const count = fewest + Math.floor(random() * (most - fewest + 1))
  return Array.from({ length: count }, () => capital(anyWord(random))).join(' ')
}

/** @returns a number below the count, low ones more often */
function popular(count: number, random: Random): number {
  return Math.floor(count * random() ** 2)
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}
