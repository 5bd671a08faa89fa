import type { AudioFields } from '../../files/audio-fields.ts'

/** Encoders add silence at both ends, which some decoders leave out: at most so many seconds, or samples. */
const TOLERANCE = { seconds: 0.15, samples: 2_400 }
const USUAL_RATE = 44_100
const MAX_REASON_LENGTH = 200

export interface Verdict {
  readonly verdict: AudioFields['verdict']
  readonly reason: string | null
}

/** Judges whether a file is whole, by what it says of itself and what came out of it. */
export function judgeAudio(
  { duration, isEstimated, sampleRate, flaw }: Pick<AudioFields, 'duration' | 'isEstimated' | 'sampleRate' | 'flaw'>,
  { seconds, problems }: { readonly seconds: number; readonly problems: readonly string[] },
): Verdict {
  const [first = ''] = problems
  const said = withoutAddresses(first.replace(/^\[[^\]]*\]\s*/, ''))
  const told = said === '' ? '' : `: ${said}`
  if (seconds === 0 && (duration ?? 1) > 0) return damaged(`nothing of it could be decoded${told}`)
  const tolerance = Math.max(TOLERANCE.seconds, TOLERANCE.samples / (sampleRate ?? USUAL_RATE))
  const isShort = !isEstimated && duration !== null && seconds < duration - tolerance
  if (isShort) return damaged(`it should take ${duration.toFixed(2)} s, and ${seconds.toFixed(2)} s could be decoded`)
  if (!isEstimated && duration !== null && seconds > duration + tolerance)
    return damaged(`it should take ${duration.toFixed(2)} s, and has ${seconds.toFixed(2)} s`)
  if (flaw !== null) return damaged(flaw)
  if (problems.length > 0) return damaged(`${problems.length} problems when it was decoded${told}`)
  return { verdict: 'ok', reason: null }
}

/** @returns the reason why nothing is known of a file, whose decoding failed again and again */
export function notDecoded(error: unknown): string {
  return reasonOf(`it was not decoded: ${withoutAddresses(error instanceof Error ? error.message : String(error))}`)
}

function damaged(reason: string): Verdict {
  return { verdict: 'damaged', reason: reasonOf(reason) }
}

function reasonOf(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_REASON_LENGTH)
}

function withoutAddresses(said: string): string {
  return said.replace(/https?:\S+/g, 'the file')
}
