import { countOf } from '@holdfast/shared/count-of'
import stringWidth from 'string-width'
import type { Progress } from '../progress.ts'

const MAX_BAR = 40
const MIN_BAR = 10
/** A name is not cut below this for a figure that can be left out. */
const MIN_TITLE = 12
const GAP = '  '

/**
 * Shows how far a file is in one line of a terminal of so many columns. Figures keep their places while they change. The narrower the
 * terminal is the less is told: the bar goes first, then how much there is, the peers, the speed, and the time.
 */
export function progressLine(title: string, progress: Progress, columns: number): string {
  // What fills the last column wraps on some terminals, and the terminal adds ^C where somebody types it.
  const room = Math.max(columns - 3, 1)
  const titleWidth = stringWidth(title)
  const figures = figuresWithin(progress, room - Math.min(titleWidth, MIN_TITLE) - GAP.length)
  const rest = room - figures.length - GAP.length
  if (rest < 1) return figures.trim().slice(0, room).trimEnd()
  // The bar has what the name leaves, and a long name leaves it the least.
  const barWidth = Math.min(Math.max(rest - titleWidth - GAP.length, MIN_BAR), MAX_BAR)
  const hasBar = rest - barWidth - GAP.length >= Math.min(titleWidth, MIN_TITLE)
  const start = hasBar
    ? `${shorten(title, rest - barWidth - GAP.length)}${GAP}${barOf(progress, barWidth)}`
    : shorten(title, rest)
  return `${start}${GAP}${figures}`.trim()
}

/** @returns a line for where there is no terminal, such as `film.mp4: 12 %, 1.0/8.0 MiB, 2.5 MiB/s, 3 peers, 3 s left` */
export function progressSentence(title: string, progress: Progress): string {
  return `${title}: ${Object.values(figuresOf(progress)).join(', ')}`
}

/** @returns the figures for which there is room, each as wide as it will become, but at least how far the download is */
function figuresWithin(progress: Progress, room: number): string {
  const { percent, amount, speed, peers, left } = figuresOf(progress)
  const { totalBytes } = progress
  const [at, of] = [percent.padStart(5), amount.padStart(amountOf(totalBytes, totalBytes).length)]
  const [fast, many, time] = [speed.padStart(10), peers.padStart(8), left.padEnd(10)]
  const choices = [
    [at, of, fast, many, time],
    [at, fast, many, time],
    [at, fast, time],
    [at, time],
  ]
  return choices.map((choice) => choice.join(GAP)).find((text) => text.length <= room) ?? percent
}

function figuresOf({ doneBytes, totalBytes, bytesPerSecond, peers, secondsLeft }: Progress) {
  const isThere = doneBytes >= totalBytes
  return {
    percent: `${Math.floor((100 * doneBytes) / Math.max(totalBytes, 1))} %`,
    amount: amountOf(doneBytes, totalBytes),
    speed: `${inUnit(bytesPerSecond, unitOf(bytesPerSecond))}/s`,
    peers: peers === null ? 'hashing' : countOf(peers, 'peer'),
    left: isThere ? 'finishing' : secondsLeft === null ? 'waiting' : `${durationOf(secondsLeft)} left`,
  }
}

function barOf({ doneBytes, totalBytes }: Progress, width: number): string {
  const done = Math.floor((width * Math.min(doneBytes, totalBytes)) / Math.max(totalBytes, 1))
  return '█'.repeat(done) + '░'.repeat(width - done)
}

interface Unit {
  readonly name: string
  readonly bytes: number
  readonly digits: number
}

const kibibyte: Unit = { name: 'KiB', bytes: 1024, digits: 0 }
const mebibyte: Unit = { name: 'MiB', bytes: 1024 ** 2, digits: 1 }
const gibibyte: Unit = { name: 'GiB', bytes: 1024 ** 3, digits: 1 }

function unitOf(bytes: number): Unit {
  return bytes < mebibyte.bytes ? kibibyte : bytes < 10 * gibibyte.bytes ? mebibyte : gibibyte
}

function amountOf(doneBytes: number, totalBytes: number): string {
  const unit = unitOf(totalBytes)
  return `${(doneBytes / unit.bytes).toFixed(unit.digits)}/${inUnit(totalBytes, unit)}`
}

function inUnit(bytes: number, { name, bytes: unit, digits }: Unit): string {
  return `${(bytes / unit).toFixed(digits)} ${name}`
}

function durationOf(seconds: number): string {
  if (seconds < 120) return `${Math.ceil(seconds)} s`
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${(seconds / 3_600).toFixed(1)} h` : `${Math.min(Math.round(seconds / 86_400), 999)} d`
}

/** Leaves out the middle of a name that is wider, because its end tells as much as its beginning. */
function shorten(text: string, width: number): string {
  if (stringWidth(text) <= width) return text
  const characters = [...new Intl.Segmenter().segment(text)].map(({ segment }) => segment)
  const tail = within(characters.toReversed(), Math.floor((width - 1) / 3)).toReversed()
  const head = within(characters, width - 1 - stringWidth(tail.join('')))
  return `${head.join('')}…${tail.join('')}`
}

/** @returns as many of the first characters as have room */
function within(characters: readonly string[], width: number): string[] {
  let room = width
  const count = characters.findIndex((character) => {
    room -= stringWidth(character)
    return room < 0
  })
  return characters.slice(0, count < 0 ? characters.length : count)
}
