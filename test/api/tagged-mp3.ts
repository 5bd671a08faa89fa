import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const frames = readFileSync(fileURLToPath(new URL('../../manager/test/audio/files/cbr.mp3', import.meta.url)))

/** @returns a whole MP3 file of 1.6 s with these tags, by the names of ID3v2.4: TIT2, TPE1, TALB, TPE2, TRCK, TDRC, TCON */
export function taggedMp3(tags: Readonly<Record<string, string>>): Buffer {
  const fields = Object.entries(tags).map(([name, text]) => {
    const content = Buffer.concat([Buffer.from([3]), Buffer.from(text)])
    return Buffer.concat([Buffer.from(name), synchsafe(content.length), Buffer.from([0, 0]), content])
  })
  const body = Buffer.concat(fields)
  return Buffer.concat([Buffer.from('ID3\x04\x00\x00', 'latin1'), synchsafe(body.length), body, frames])
}

function synchsafe(length: number): Buffer {
  return Buffer.from([21, 14, 7, 0].map((shift) => (length >> shift) & 0x7f))
}
