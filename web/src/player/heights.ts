import type { Waveform } from '../api/answers.ts'

/** Bars of silence are seen, too. */
export const LEAST = 0.06
/** What is quieter than this in the whole is not drawn as high as it could be. */
const QUIET = 12

/** @returns how high each stretch of a file is, from 0 to 1, the loudest being 1 */
export function heightsOf({ data }: Waveform): number[] {
  const peaks: number[] = []
  for (let at = 0; at + 1 < data.length; at += 2)
    peaks.push(Math.max(Math.abs(data[at] ?? 0), Math.abs(data[at + 1] ?? 0)))
  const loudest = peaks.reduce((most, peak) => Math.max(most, peak), QUIET)
  return peaks.map((peak) => Math.max(LEAST, peak / loudest))
}
