import { type Expected, type HostileInput, post } from './client.ts'
import type { Random } from './random.ts'

const KIB = 1024
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const strangers = [
  '-',
  '_',
  '*',
  '!',
  ' ',
  '.',
  ',',
  ':',
  '@',
  '[',
  '`',
  '{',
  '\\n',
  '\\t',
  '\\r',
  '\\u0000',
  'é',
  '€',
  '😀',
  '\\u2028',
  '\u00ff',
]

/** Some formats are recognised by these first bytes. Noise follows them, and sizes in them are lies. */
// biome-ignore format: a table
const magics = [
  '504b0304', '494433', '3026b2758e66cf11', '1a45dfa3', '52494646', '4f676753', '89504e470d0a1a0a', 'ffd8ff', '49492a00', '4d4d002a',
  '1f8b08', '425a68', '377abcaf271c', '0000001866747970', '25504446', 'd0cf11e0a1b11ae1', 'cafebabe', '3c3f786d6c', 'fff1', '664c6143',
  '4d5a', '7f454c46', '52617221', '213c617263683e', '0000000c4a584c20', 'efbbbf', 'fffe', 'feff', '464f524d', '',
]

let names = 0

function json(file: string): Buffer {
  return post(`{"filename":"b64/${names++}","file":"${file}"}`, 'application/json')
}

function form(file: string): Buffer {
  return post(`filename=b64/${names++}&file=${encodeURIComponent(file)}`, 'application/x-www-form-urlencoded')
}

function refused(what: string, file: string): HostileInput[] {
  const expected: Expected = [400]
  return [
    { what, bytes: json(file), expected },
    ...(file.includes('\\') ? [] : [{ what, bytes: form(file), expected }]),
  ]
}

/** Puts a stranger in every position of the first, a middle and the last group, in texts of three lengths. */
function strangersEverywhere(): HostileInput[] {
  return strangers.flatMap((stranger) =>
    ['AAAAAAAAAAAA', 'AAAAAAAAAAA=', 'AAAAAAAAAA=='].flatMap((text) =>
      Array.from(text, (_, at) => json(text.slice(0, at) + stranger + text.slice(at + 1))).map((bytes, at) => ({
        what: `${JSON.stringify(stranger)} at ${at} of ${text}`,
        bytes,
        expected: [400] as const,
      })),
    ),
  )
}

function badForms(): HostileInput[] {
  const inputs: HostileInput[] = []
  for (let length = 0; length <= 13; length++) {
    const text = 'A'.repeat(length)
    if (length % 4 !== 0) inputs.push(...refused(`length ${length}`, text))
    for (const padding of ['=', '==', '===', '====', '=A', '=AA=', '==AA', '=\\u003d=']) {
      const padded = text + padding
      const isLegal = /^(A{4})*(AA==|AAA=)?$/.test(padded)
      if (!isLegal) inputs.push(...refused(padded, padded))
    }
  }
  // The bits after the last byte have to be zero, so 48 of 64 characters are wrong there, or 60 of 64.
  for (const [index, character] of [...alphabet].entries()) {
    if (index % 4 !== 0) inputs.push(...refused('bits after two bytes', `AA${character}=`))
    if (index % 16 !== 0) inputs.push(...refused('bits after one byte', `A${character}==`))
  }
  return inputs
}

/** The manager sends these to the file-server as they come, and what is wrong shows up there, or at the end. */
function streamed(random: Random): HostileInput[] {
  const groups = 90 * KIB
  const good = 'QUJD'.repeat(groups)
  const inputs: HostileInput[] = []
  for (const stranger of ['-', '*', '=', ' ', '\\n', 'é']) {
    for (const at of [0, 1, 2, 3, 4 * (groups >> 1) + random.int(4), good.length - 1]) {
      inputs.push({
        what: `streamed, ${stranger} at ${at}`,
        bytes: json(good.slice(0, at) + stranger + good.slice(at + 1)),
        expected: [400],
      })
    }
  }
  for (const tail of ['A', 'AA', 'AAA', '=', '==', 'AB==', 'AAB=', 'AA==AAAA', 'A===']) {
    inputs.push({ what: `streamed, ends in ${tail}`, bytes: json(good + tail), expected: [400] })
  }
  for (const cut of [0.3, 0.9]) {
    const whole = json(good)
    const bytes = whole.subarray(0, Math.floor(whole.length * cut))
    inputs.push({ what: 'streamed, cut off', bytes, expected: ['refused'], isCutOff: true })
  }
  inputs.push({
    what: 'streamed, other fields are wrong',
    expected: [400],
    bytes: post(`{"file":"${good}","filename":1}`, 'application/json'),
  })
  inputs.push({
    what: 'streamed, the name never comes',
    expected: [400],
    bytes: post(`{"file":"${good}"}`, 'application/json'),
  })
  return inputs
}

function hostileContents(random: Random, count: number): HostileInput[] {
  return Array.from({ length: count }, (_, number) => {
    const magic = Buffer.from(magics[number % magics.length] ?? '', 'hex')
    const noise = random.bytes(random.int(600)).map((byte) => (byte < 80 ? 0 : byte < 130 ? 255 : byte))
    const stores = Buffer.concat([magic, noise])
    const what = `content ${stores.subarray(0, 40).toString('hex')}`
    return { what, bytes: json(stores.toString('base64')), expected: [201] as const, stores }
  })
}

/** Makes base64 that is not quite, small and streamed, and base64 of bytes that pretend to be some format. */
export function hostileBase64(random: Random, count: number): HostileInput[] {
  const inputs = [...strangersEverywhere(), ...badForms(), ...streamed(random), ...hostileContents(random, 180)]
  while (inputs.length < count) {
    const text = random.text(4 * (1 + random.int(40)), alphabet)
    const at = random.int(text.length)
    inputs.push(
      ...refused(
        'a stranger somewhere',
        text.slice(0, at) + random.pick(['-', '_', '=A', '%', '?']) + text.slice(at + 1),
      ),
    )
  }
  return inputs
}
