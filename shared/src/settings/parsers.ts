import { MAX_ZONE_LENGTH } from '../limits.ts'

/** A parser takes a setting's text and returns its value, or throws an Error whose message completes "NAME=value: …". */

export function integer(limits: { min: number; max: number }): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value)) throw new Error('must be a whole number')
    if (value < limits.min || value > limits.max) throw new Error(`must be between ${limits.min} and ${limits.max}`)
    return value
  }
}

export const port = integer({ min: 0, max: 65_535 })

/** Parses a port for HTTP, which every client must be willing to connect to. 0 stands for any that is free. */
export function httpPort(text: string): number {
  const value = port(text)
  if (blockedPorts.has(value))
    throw new Error('is a port that browsers and fetch refuse to connect to: choose another one, such as 8080')
  return value
}

/** The Fetch standard calls these "bad ports": https://fetch.spec.whatwg.org/#port-blocking */
const blockedPorts: ReadonlySet<number> = new Set([
  1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110,
  111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532,
  540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061,
  6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10_080,
])

/** A timer of Node can run for at most some 24 days. */
export const milliseconds = integer({ min: 1, max: 2_000_000_000 })

/** Parses a size such as `10485760`, `10MiB` or `4 GiB`. */
export function bytes(text: string): number {
  const match = /^(\d+) ?(B|KiB|MiB|GiB|TiB)?$/.exec(text)
  if (match === null) throw new Error('must be a size such as 1048576, 64KiB, 10MiB or 4GiB')
  const exponent = ['B', 'KiB', 'MiB', 'GiB', 'TiB'].indexOf(match[2] ?? 'B')
  const value = Number(match[1]) * 1024 ** exponent
  if (!Number.isSafeInteger(value)) throw new Error('is too large')
  return value
}

export function flag(text: string): boolean {
  if (text === 'true') return true
  if (text === 'false') return false
  throw new Error('must be true or false')
}

export function text(value: string): string {
  return value
}

export function zone(value: string): string {
  if (value.length > MAX_ZONE_LENGTH) throw new Error(`must have at most ${MAX_ZONE_LENGTH} characters`)
  return value
}

export function secret(value: string): string {
  if (value.length < 16) throw new Error('must have at least 16 characters')
  return value
}

export function oneOf<T extends string>(...choices: readonly T[]): (value: string) => T {
  return (value) => {
    const found = choices.find((choice) => choice === value)
    if (found === undefined) throw new Error(`must be one of ${choices.join(', ')}`)
    return found
  }
}

/** Parses an origin. Whatever else a URL may hold is refused, so that nothing of it is dropped without a word. */
export function httpUrl(value: string): string {
  const { origin, pathname } = parseHttpUrl(value, 'http://10.0.0.1:8000')
  if (pathname !== '/') throw new Error('must have no path')
  return origin
}

/** Parses an origin and, for what a proxy serves under a path, that path without a slash at its end. */
export function httpBaseUrl(value: string): string {
  const { origin, pathname } = parseHttpUrl(value, 'http://10.0.0.1:8000 or https://host/path')
  return origin + pathname.replace(/\/+$/, '')
}

function parseHttpUrl(value: string, example: string): URL {
  const url = /^https?:\/\/[^/]/i.test(value) && URL.canParse(value) ? new URL(value) : null
  if (url === null) throw new Error(`must be a URL such as ${example}`)
  if (url.username !== '' || url.password !== '') throw new Error('must have no user name and no password')
  if (/[?#]/.test(value)) throw new Error('must have no query and no fragment')
  return url
}

export function httpUrls(value: string): readonly string[] {
  return [...new Set(value.split(',').map((item) => httpUrl(item.trim())))]
}

/** Parses names of hosts, each for whatever port, into the form in which a URL has them. */
export function hostNames(value: string): readonly string[] {
  const names = value.split(',').map((item) => {
    const name = item.trim()
    if (name.includes('*')) throw new Error('has no wildcards: give every host by its whole name')
    const url =
      /^([^\s/\\?#@:]+|\[[\d.:a-f]+\])$/i.test(name) && URL.canParse(`http://${name}`)
        ? new URL(`http://${name}`)
        : null
    if (url === null)
      throw new Error('must be host names such as files.example.org, without scheme and port, separated by commas')
    return url.hostname
  })
  return [...new Set(names)]
}

export function redisUrl(value: string): string {
  if (!/^rediss?:\/\/[^/]/i.test(value) || !URL.canParse(value))
    throw new Error('must be a URL such as redis://host:6379')
  return value
}

export function mongoUrl(value: string): string {
  if (!/^mongodb(\+srv)?:\/\/[^/]+/.test(value))
    throw new Error('must be a URL such as mongodb://host:27017/holdfast?replicaSet=rs0')
  return value
}

export const logLevel = oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent')
