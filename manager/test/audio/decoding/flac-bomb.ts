/** The largest frame that FLAC has. */
const BLOCK_SAMPLES = 65_535

/** @returns a FLAC file of so many frames of silence, each a few bytes and 65,535 samples long (RFC 9639) */
export function flacBomb(frameCount: number): Buffer {
  const info = Buffer.alloc(34)
  info.writeUInt16BE(BLOCK_SAMPLES, 0)
  info.writeUInt16BE(BLOCK_SAMPLES, 2)
  // 44,100 Hz in 20 bits, two channels, 16 bits a sample, and how many samples there are is not known.
  info.writeBigUInt64BE((44_100n << 44n) | (1n << 41n) | (15n << 36n), 10)
  const start = Buffer.concat([Buffer.from('fLaC\x80\x00\x00\x22', 'latin1'), info])
  return Buffer.concat([start, ...Array.from({ length: frameCount }, (_, number) => silentFrame(number))])
}

/** Both channels have a subframe of one value that stands for all. */
function silentFrame(number: number): Buffer {
  const header = Buffer.from([
    0xff,
    0xf8,
    0x79,
    0x18,
    ...codedNumber(number),
    (BLOCK_SAMPLES - 1) >> 8,
    (BLOCK_SAMPLES - 1) & 0xff,
  ])
  const frame = Buffer.concat([header, Buffer.from([crc8(header)]), Buffer.from([0, 0, 0, 0, 0, 0])])
  const sum = crc16(frame)
  return Buffer.concat([frame, Buffer.from([sum >> 8, sum & 0xff])])
}

/** Numbers of frames are coded as UTF-8 codes characters. */
function codedNumber(number: number): Buffer {
  return Buffer.from(String.fromCodePoint(number), 'utf8')
}

function crc8(bytes: Buffer): number {
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x80 ? (crc << 1) ^ 0x07 : crc << 1) & 0xff
  }
  return crc
}

function crc16(bytes: Buffer): number {
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? (crc << 1) ^ 0x8005 : crc << 1) & 0xffff
  }
  return crc
}
