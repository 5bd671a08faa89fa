import type { TrackDescription } from './track-description.ts'

/** Makes an M3U playlist. Its addresses are whole, so that it can be saved. */
export function asM3u(tracks: readonly TrackDescription[], origin: string): string {
  const entries = tracks.map(({ duration, tags, name, url }) => {
    const title = [tags.artist, tags.title ?? name].filter(Boolean).join(' - ')
    return `#EXTINF:${duration === null ? -1 : Math.round(duration)},${oneLine(title)}\n${origin}${url}\n`
  })
  return `#EXTM3U\n${entries.join('')}`
}

const columns = {
  name: ({ name }) => name,
  title: ({ tags }) => tags.title,
  artist: ({ tags }) => tags.artist,
  album: ({ tags }) => tags.album,
  albumArtist: ({ tags }) => tags.albumArtist,
  year: ({ tags }) => tags.year,
  track: ({ tags }) => tags.track,
  disc: ({ tags }) => tags.disc,
  genre: ({ tags }) => tags.genre?.join('; '),
  duration: ({ duration }) => duration,
  container: ({ container }) => container,
  codec: ({ codec }) => codec,
  bitRate: ({ bitRate }) => bitRate,
  sampleRate: ({ sampleRate }) => sampleRate,
  channels: ({ channels }) => channels,
  bitDepth: ({ bitDepth }) => bitDepth,
  lossless: ({ lossless }) => lossless,
  size: ({ size }) => size,
  sha256: ({ sha256 }) => sha256,
  uploadedAt: ({ uploadedAt }) => uploadedAt,
  verdict: ({ verdict }) => verdict,
  url: ({ url }) => url,
} as const satisfies Record<string, (track: TrackDescription) => string | number | boolean | null | undefined>

/** Makes comma-separated values (RFC 4180), with a line of the columns' names. */
export function asCsv(tracks: readonly TrackDescription[]): string {
  const rows = tracks.map((track) => Object.values(columns).map((read) => cell(read(track))))
  return [Object.keys(columns), ...rows].map((row) => `${row.join(',')}\r\n`).join('')
}

function cell(value: string | number | boolean | null | undefined): string {
  const plain = value === null || value === undefined ? '' : String(value)
  // A spreadsheet would take a text of strangers that begins so for a formula.
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(plain) ? `'${plain}` : plain
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** A tag never holds a line break, but a name may. */
function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, ' ')
}
