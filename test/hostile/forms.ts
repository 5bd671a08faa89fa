import { type Expected, type HostileInput, post } from './client.ts'
import type { Random } from './random.ts'

const FORM_TYPE = 'application/x-www-form-urlencoded'
/** Odd bodies are not always wrong, so what counts is that the answer is decided. */
const decided: Expected = [201, 409, 'refused']

// biome-ignore format: a table
const forms = [
  '', '&', '=', '&&&&', '====', 'file', 'filename', 'file=', 'filename=', 'file=&filename=', 'file=aGk=', 'filename=x', 'file&filename',
  'filename=f/a&file', 'filename&file=aGk=', 'filename=f/a&file=aGk=&file=aGk=', 'filename=f/a&filename=b&file=aGk=', 'FILE=aGk=&FILENAME=x',
  'filename=%&file=aGk=', 'filename=%zz&file=aGk=', 'filename=%ff&file=aGk=', 'filename=%00&file=aGk=', 'filename=f/a&file=%', 'filename=f/a&file=%4',
  'filename=f/a&file=%zz', 'filename=f/a&file=%00', 'filename=f/a&file=aGk%2', 'file=%0aaGk=&filename=x', 'filename[]=x&file=aGk=',
  'filename[__proto__]=x&file=aGk=', '__proto__=1&file=aGk=', 'file[]=aGk=&filename=x', 'filename=f/a;file=aGk=', '%66ile=aGk=&file=aGk=&filename=x',
  'filename=..%2f%0a&file=aGk=', 'filename=\ud800&file=aGk=', `filename=${'x'.repeat(256)}&file=aGk=`, `${'k'.repeat(257)}=1&filename=f/a&file=aGk=`,
  `${'a&'.repeat(101)}filename=f/a&file=aGk=`, `x=${'y'.repeat(70_000)}&filename=f/a&file=aGk=`, 'filename=f/a&file=aG k=', 'filename=f/a&file=a-k_',
]

const boundaries = [
  '',
  'boundary',
  'boundary=',
  'boundary=""',
  'boundary="',
  'boundary=x; boundary=y',
  `boundary=${'b'.repeat(4_000)}`,
  'boundary=é',
  'boundary=\\',
  'charset=utf-16; boundary=X',
  "Boundary*=utf-8''X",
  'boundary==X',
  'boundary=X"',
  'boundary=X Y',
]

interface Part {
  readonly headers: string
  readonly body: string
}

const field = (name: string, body: string, more = ''): Part => ({
  headers: `Content-Disposition: form-data; name="${name}"${more}`,
  body,
})

function multipart(parts: readonly Part[], end = '--X--\r\n'): string {
  return parts.map(({ headers, body }) => `--X\r\n${headers}\r\n\r\n${body}\r\n`).join('') + end
}

const file = field('file', 'bytes', '; filename="m/a"')

// biome-ignore format: a table
const multiparts: readonly string[] = [
  '', '--X--', '--X', '--X\r\n', '--X\r\n\r\n', '--X\r\n\r\n\r\n--X--\r\n', '\r\n--X--\r\n', 'preamble', '--Y--\r\n',
  multipart([]), multipart([file], ''), multipart([file], '--X-'), multipart([file, file]), multipart([field('filename', 'x')]),
  multipart([field('file', 'aGk=')]), multipart([field('filename', ''), file]), multipart([field('filename', '\0'), file]),
  multipart([field('filename', 'x'.repeat(300)), file]), multipart([field('filename', 'a'), field('filename', 'b'), file]),
  multipart([field('file', '!!', ''), field('filename', 'x')]), multipart([field('file', 'bytes', '; filename="\ufffd"')]),
  multipart([field('file', 'bytes', '; filename=""')]), multipart([field('file', 'bytes', '; filename="a\u202eb"')]),
  multipart([field('__proto__', 'x'), field('constructor', 'x')]), multipart([{ headers: 'X: y', body: 'z' }]),
  multipart([{ headers: 'Content-Disposition: form-data', body: 'z' }]), multipart([{ headers: 'Content-Disposition: attachment; name="file"; filename="x"', body: 'z' }]),
  multipart([{ headers: `${field('file', '').headers}; filename="x"\r\nContent-Transfer-Encoding: base64`, body: 'aGk=' }]),
  multipart([{ headers: `${field('file', '').headers}; filename="x"\r\nContent-Transfer-Encoding: evil`, body: 'aGk=' }]),
  multipart(Array.from({ length: 101 }, (_, index) => field(`f${index}`, 'x'))), multipart(Array.from({ length: 10_000 }, () => field('x', ''))),
  multipart([{ headers: Array.from({ length: 500 }, (_, index) => `X-${index}: y`).join('\r\n'), body: '' }]),
  multipart([{ headers: `X: ${'y'.repeat(9_000)}`, body: '' }]), multipart([{ headers: `X: ${'y'.repeat(300_000)}`, body: '' }]),
  multipart([{ headers: 'Content-Disposition: form-data; name="file"; filename*=utf-8\'\'%zz', body: '' }]),
  multipart([{ headers: 'Content-Disposition: form-data; name="file"; filename*=evil\'\'%ff', body: '' }]),
  multipart([{ headers: 'no colon', body: '' }]), multipart([{ headers: ':', body: '' }]), multipart([{ headers: '\0', body: '' }]),
  multipart([field('other', 'y'.repeat(600_000)), file]), `${'-'.repeat(400_000)}`, `${'\r\n--'.repeat(100_000)}`, `--X${' '.repeat(400_000)}`,
]

/** Makes forms in both encodings: wrong ones by hand, and good ones with bytes changed or cut off. */
export function hostileForms(random: Random, count: number): HostileInput[] {
  const inputs: HostileInput[] = []
  const refuse = (what: string, body: Buffer | string, type: string): unknown =>
    inputs.push({ what: `${what} (${type.slice(0, 60)})`, bytes: post(body, type), expected: ['refused'] })
  for (const body of forms) refuse(JSON.stringify(body.slice(0, 80)), body, FORM_TYPE)
  for (const body of multiparts) refuse(JSON.stringify(body.slice(0, 120)), body, 'multipart/form-data; boundary=X')
  for (const boundary of boundaries) {
    refuse('a boundary that is none', multipart([]), `multipart/form-data; ${boundary}`)
    refuse('another multipart', multipart([file]), `multipart/mixed; ${boundary}`)
  }
  for (let number = 0; inputs.length < count; number++) {
    const isForm = random.int(2) === 0
    const good = isForm
      ? `filename=form/${number}&note=a%20b+c&file=aGVsbG8%3D`
      : multipart([field('note', 'x'), field('filename', `multi/${number}`), file])
    const whole = Buffer.from(good)
    const body = random.int(3) === 0 ? whole.subarray(0, random.int(whole.length)) : random.flip(whole)
    const type = isForm ? FORM_TYPE : 'multipart/form-data; boundary=X'
    inputs.push({ what: `changed ${body.toString('latin1')}`, bytes: post(body, type), expected: decided })
  }
  return inputs
}
