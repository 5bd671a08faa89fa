import type { Track } from '../api/answers.ts'
import { lastSegment } from '../ui/format.ts'

/** A file without a title has its name. */
export function titleOf({ tags, name }: Track): string {
  return tags.title ?? lastSegment(name)
}

/** @returns artist and album, as far as they are known */
export function creditsOf({ tags }: Track): string {
  return [tags.artist, tags.album].filter((text) => text !== undefined).join(' · ')
}

/** @returns a time such as `3:05` or `1:02:03` */
export function clockText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  const [hours, minutes, rest] = [Math.floor(whole / 3_600), Math.floor((whole % 3_600) / 60), whole % 60]
  const end = String(rest).padStart(2, '0')
  return hours === 0 ? `${minutes}:${end}` : `${hours}:${String(minutes).padStart(2, '0')}:${end}`
}
