import type { AudioFields } from '../../files/audio-fields.ts'

/** Encoders add silence at both ends, which some decoders leave out: at most so many seconds. */
const TOLERANCE_S = 0.15
const MAX_REASON_LENGTH = 200

export interface Verdict {
  readonly verdict: AudioFields['verdict']
  readonly reason: string | null
}

/** Judges whether a file is whole, by what it says of itself and what came out of it. */
export function judgeAudio(
  { duration, isEstimated, flaw }: Pick<AudioFields, 'duration' | 'isEstimated' | 'flaw'>,
  { seconds, problems }: { readonly seconds: number; readonly problems: readonly string[] },
): Verdict {
  const [first = ''] = problems
  const said = first.replace(/^\[[^\]]*\]\s*/, '').replace(/https?:\S+/g, 'the file')
  const told = said === '' ? '' : `: ${said}`
  if (seconds === 0 && (duration ?? 1) > 0) return damaged(`nothing of it could be decoded${told}`)
  const isShort = !isEstimated && duration !== null && seconds < duration - TOLERANCE_S
  if (isShort) return damaged(`it should take ${duration.toFixed(2)} s, and ${seconds.toFixed(2)} s could be decoded`)
  if (!isEstimated && duration !== null && seconds > duration + TOLERANCE_S)
    return damaged(`it should take ${duration.toFixed(2)} s, and has ${seconds.toFixed(2)} s`)
  if (flaw !== null) return damaged(flaw)
  if (problems.length > 0) return damaged(`${problems.length} problems when it was decoded${told}`)
  return { verdict: 'ok', reason: null }
}

function damaged(reason: string): Verdict {
  return { verdict: 'damaged', reason: reason.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_REASON_LENGTH) }
}
