import { parseFileName } from '@holdfast/shared/file-name'
import { type HostileInput, post } from './client.ts'
import type { Random } from './random.ts'

const MAX_DEPTH = 32
const CANONICAL_BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$/
const JSON_TYPE = 'application/json'

/**
 * @returns the file's bytes as a strict server finds them in the body, or null; it does not know of keys given twice
 */
function judge(body: Buffer): Buffer | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body).replace(/^\ufeff/, '')
    const value = JSON.parse(text) as Record<string, unknown> | null
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
    if (depthOf(value) > MAX_DEPTH || typeof value.file !== 'string' || !CANONICAL_BASE64.test(value.file)) return null
    parseFileName(value.filename)
    return Buffer.from(value.file, 'base64')
  } catch {
    return null
  }
}

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  return 1 + Math.max(0, ...Object.values(value).map(depthOf))
}

function judged(what: string, body: Buffer, contentType = JSON_TYPE): HostileInput {
  const stores = judge(body)
  const bytes = post(body, contentType)
  return stores === null ? { what, bytes, expected: [400] } : { what, bytes, expected: [201, 409], stores }
}

const refused = (what: string, body: Buffer | string, contentType: string | null = JSON_TYPE): HostileInput => ({
  what,
  bytes: post(body, contentType),
  expected: ['refused'],
})

const scalars = [
  'null',
  'true',
  '0',
  '-0',
  '1e999',
  '-1e999',
  '9'.repeat(400),
  '1E+308',
  '0.1e-999',
  '""',
  '"\\u0000"',
  '[]',
  '{}',
]
const strings = [
  '"\\ud800"',
  '"\\udc00x"',
  '"\\u202e"',
  '"\\x41"',
  '"\\u00g0"',
  '"\\u00"',
  '"\t"',
  '"\\"',
  '"a',
  "'a'",
  'a',
  '""a',
  '"a""b"',
]
const keys = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  '$where',
  '',
  'File',
  'FILENAME',
  'filename ',
  'file\\u0000',
]
const nesting = [1, 30, 31, 32, 33, 100, 1_000, 20_000]

/** Each of these bodies is wrong in a way of its own; some are odd and legal, which the judge knows. */
function handmade(): HostileInput[] {
  const inputs: HostileInput[] = []
  const add = (what: string, text: string): unknown => inputs.push(judged(what, Buffer.from(text)))
  for (const value of [...scalars, ...strings]) {
    add(`filename is ${value}`, `{"filename":${value},"file":"aGk="}`)
    add(`file is ${value}`, `{"filename":"h/file","file":${value}}`)
    add(`the body is ${value}`, value)
    add(`extra is ${value}`, `{"extra":${value},"filename":"h/extra-${value.length}","file":"aGk="}`)
    add(`extra after is ${value}`, `{"filename":"h/after-${value.length}","file":"aGk=","extra":${value}}`)
  }
  for (const key of keys) {
    for (const value of ['1', '{"file":"x","filename":null,"isAdmin":true}', '[[]]']) {
      add(`key ${key}`, `{"${key}":${value},"filename":"h/key-${key}","file":"aGk="}`)
    }
    add(`only ${key}`, `{"${key}":"aGk="}`)
  }
  for (const depth of nesting) {
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      const nested = open.repeat(depth) + (open === '[' ? '' : '1') + close.repeat(depth)
      if (depth < 100) add(`nested ${depth}`, `{"x":${nested},"filename":"h/deep-${depth}${close}","file":"aGk="}`)
      else inputs.push(refused(`nested ${depth}`, `{"x":${nested},"filename":"h/deep","file":"aGk="}`))
      inputs.push(refused(`never closed ${depth}`, open.repeat(depth)))
    }
  }
  const twice = [
    '"file":"aGk=",',
    '"f\\u0069le":"aGk=",',
    '"filename":"b",',
    '"file\\u006eame":null,',
    '"file":{},',
    '"file":1,',
  ]
  for (const pair of twice) {
    inputs.push(refused(`twice ${pair}`, `{${pair}"filename":"h/twice","file":"aGk="}`))
    inputs.push(refused(`twice after ${pair}`, `{"filename":"h/twice","file":"aGk=",${pair.slice(0, -1)}}`))
  }
  return inputs
}

/** @returns the same body in other encodings, and with bytes before or after it */
function wrapped(template: string, number: number): HostileInput[] {
  const utf16 = Buffer.from(template, 'utf16le')
  const bodies = {
    utf16,
    'utf16 with BOM': Buffer.concat([Buffer.from([0xff, 0xfe]), utf16]),
    'utf16 big-endian': Buffer.from(utf16).swap16(),
    'utf16 big-endian with BOM': Buffer.concat([Buffer.from([0xfe, 0xff]), Buffer.from(utf16).swap16()]),
    BOM: Buffer.from(`\ufeff${template}`),
    'two BOMs': Buffer.from(`\ufeff\ufeff${template}`),
    'BOM after': Buffer.from(`${template}\ufeff`),
  }
  const others = [
    '\0',
    ' ',
    '\n',
    '\v',
    '{}',
    ',',
    ']',
    '}',
    'x',
    '\u00a0',
    '//',
    '/* */',
    "'",
    '"',
    '\x1e',
    ")]}',\n",
  ].flatMap((text) => [`${template}${text}`, `${text}${template}`])
  return [
    ...Object.entries(bodies).map(([what, body]) => judged(`${what} ${number}`, body)),
    ...others.map((text) => judged(`wrapped ${JSON.stringify(text)}`, Buffer.from(text))),
    refused('too much beside the file', `${' '.repeat(70_000)}${template}`),
    refused('too much white space, sniffed', `${' '.repeat(70_000)}${template}`, 'text/plain'),
  ]
}

/** Makes bodies of JSON: truncated at every byte, with bytes changed, and made by hand. */
export function hostileJson(random: Random, count: number): HostileInput[] {
  const templates = (number: number): readonly [string, ...string[]] => [
    `{"filename":"j/${number}","file":"aGVsbG8="}`,
    `{"file":"aGVsbG8=","filename":"j/${number}/\\u00e9"}`,
    `{ "tags" : [ {"a":"b\\"c"} , 1.5e3 ] ,\n"file":"aGk\\u003d","filename" : "j/${number}" }`,
    `{"a\\\\":{"file":"!","filename":[]},"filename":"j/${number}","file":"\\/\\/\\u0041A"}`,
  ]
  const inputs = handmade()
  for (const [number, template] of templates(-1).entries()) {
    inputs.push(...wrapped(template, number))
    for (let length = 0; length < Buffer.byteLength(template); length++) {
      inputs.push(judged(`truncated to ${length}`, Buffer.from(template).subarray(0, length)))
    }
  }
  for (let number = 0; inputs.length < count; number++) {
    const body = random.flip(Buffer.from(random.pick(templates(number))))
    const isSniffed = random.int(10) === 0 && judge(body) === null
    const input = isSniffed
      ? refused('', body, random.pick([null, 'text/plain', 'application/x-www-form-urlencoded']))
      : judged('', body)
    inputs.push({ ...input, what: `changed ${body.toString('latin1')}` })
  }
  return inputs
}
