const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/** @returns a size such as `1.4 MB`, a megabyte being a million bytes */
export function sizeText(bytes: number): string {
  let power = 0
  let value = bytes
  while (value >= 999.5 && power < units.length - 1) {
    value /= 1_000
    power++
  }
  return `${power === 0 || value >= 99.5 ? Math.round(value) : value.toFixed(1)} ${units[power]}`
}

/** @returns a span such as `40 s`, `3 min` or `2 h 5 min` */
export function spanText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  if (whole < 3_600) return `${Math.round(whole / 60)} min`
  const [hours, minutes] = [Math.floor(whole / 3_600), Math.floor((whole % 3_600) / 60)]
  if (hours < 24) return minutes === 0 ? `${hours} h` : `${hours} h ${minutes} min`
  const days = Math.round(whole / 86_400)
  return `${days} day${days === 1 ? '' : 's'}`
}

const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const sameYear = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
})
const otherYear = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric' })

export function dateText(iso: string, now = new Date()): string {
  const date = new Date(iso)
  if (date.toDateString() === now.toDateString()) return `Today ${time.format(date)}`
  return (date.getFullYear() === now.getFullYear() ? sameYear : otherYear).format(date)
}

const numbers = new Intl.NumberFormat()
export const countText = (count: number): string => numbers.format(count)

export function filesText(count: number): string {
  return `${countText(count)} ${count === 1 ? 'file' : 'files'}`
}

/** @returns the last part of a path */
export function lastSegment(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1)
}
