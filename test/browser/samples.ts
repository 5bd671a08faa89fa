import type { BrowserContext } from 'playwright-core'

export interface Sample {
  readonly name: string
  readonly mimeType: string
  readonly buffer: Buffer
}

/** Draws a picture, a film and a document with the browser itself, and writes the others down. */
export async function makeSamples(
  context: BrowserContext,
): Promise<Record<'picture' | 'film' | 'document' | 'sound' | 'text', Sample>> {
  const page = await context.newPage()
  try {
    const picture = await page.evaluate<string>(drawPicture)
    const film = await page.evaluate<string>(recordFilm)
    await page.setContent(survey)
    return {
      picture: { name: 'harbour at dusk.jpg', mimeType: 'image/jpeg', buffer: Buffer.from(picture, 'base64') },
      film: { name: 'tide.webm', mimeType: 'video/webm', buffer: Buffer.from(film, 'base64') },
      document: { name: 'survey of the wall.pdf', mimeType: 'application/pdf', buffer: await page.pdf() },
      sound: { name: 'foghorn.wav', mimeType: 'audio/wav', buffer: makeSound() },
      text: { name: 'tides.csv', mimeType: 'text/csv', buffer: Buffer.from(tides) },
    }
  } finally {
    await page.close()
  }
}

const toBase64 = `async (blob) => {
  const bytes = new Uint8Array(await blob.arrayBuffer())
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
}`

const drawPicture = `(async () => {
  const canvas = document.createElement('canvas')
  canvas.width = 1600
  canvas.height = 1000
  const pen = canvas.getContext('2d')
  const sky = pen.createLinearGradient(0, 0, 0, 1000)
  sky.addColorStop(0, '#1b3a5b')
  sky.addColorStop(0.55, '#e7a977')
  sky.addColorStop(1, '#f7e3c4')
  pen.fillStyle = sky
  pen.fillRect(0, 0, 1600, 1000)
  for (let hill = 0; hill < 5; hill++) {
    pen.fillStyle = \`rgba(20, \${40 + hill * 14}, \${60 + hill * 10}, \${0.5 + hill * 0.1})\`
    pen.beginPath()
    pen.moveTo(0, 1000)
    for (let x = 0; x <= 1600; x += 20)
      pen.lineTo(x, 520 + hill * 90 + Math.sin(x / (180 - hill * 20) + hill * 2) * (90 - hill * 12))
    pen.lineTo(1600, 1000)
    pen.fill()
  }
  return (${toBase64})(await new Promise((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.85)))
})()`

const recordFilm = `(async () => {
  const canvas = document.createElement('canvas')
  const pen = canvas.getContext('2d')
  const recorder = new MediaRecorder(canvas.captureStream(10), { mimeType: 'video/webm;codecs=vp8' })
  const pieces = []
  recorder.ondataavailable = ({ data }) => pieces.push(data)
  const ended = new Promise((resolve) => { recorder.onstop = resolve })
  recorder.start()
  for (let frame = 0; frame < 6; frame++) {
    pen.fillStyle = 'hsl(' + (170 + frame * 8) + ' 50% 40%)'
    pen.fillRect(0, 0, canvas.width, canvas.height)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  recorder.stop()
  await ended
  return (${toBase64})(new Blob(pieces))
})()`

const survey = `<style>body { font: 15px/1.6 'Open Sans', sans-serif; padding: 56px 64px } td, th { padding: 4px 24px 4px 0; text-align: left }</style>
<h1>Survey of the harbour wall</h1>
<p>The wall was measured at low water in three places. It stands where it stood; the joints below the second ring want
mortar before the winter, and the ring itself wants paint.</p>
<table><tr><th>Place</th><th>Height</th><th>Joints</th></tr><tr><td>North head</td><td>6.20 m</td><td>good</td></tr>
<tr><td>Second ring</td><td>6.05 m</td><td>open</td></tr><tr><td>Slipway</td><td>4.90 m</td><td>good</td></tr></table>`

const tides = `place,high,low\n${Array.from({ length: 40 }, (_, day) => `North head,${String(6 + (day % 12)).padStart(2, '0')}:${String((day * 7) % 60).padStart(2, '0')},${String(12 + (day % 12)).padStart(2, '0')}:${String((day * 11) % 60).padStart(2, '0')}`).join('\n')}\n`

/** One second of a low tone. */
function makeSound(): Buffer {
  const rate = 8_000
  const header = Buffer.alloc(44)
  header.write('RIFF', 0)
  header.writeUInt32LE(36 + rate * 2, 4)
  header.write('WAVEfmt ', 8)
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(1, 20)
  header.writeUInt16LE(1, 22)
  header.writeUInt32LE(rate, 24)
  header.writeUInt32LE(rate * 2, 28)
  header.writeUInt16LE(2, 32)
  header.writeUInt16LE(16, 34)
  header.write('data', 36)
  header.writeUInt32LE(rate * 2, 40)
  const samples = Buffer.alloc(rate * 2)
  for (let at = 0; at < rate; at++) samples.writeInt16LE(Math.round(9_000 * Math.sin(at / 11)), at * 2)
  return Buffer.concat([header, samples])
}
