import { readFile, stat, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { makeDirectory } from '@holdfast/shared/node/make-directory'
import { DryMongoBinary, MongoBinary } from 'mongodb-memory-server-core'
import { inspectMongod, type MongodBinary } from './mongod-binary.ts'
import type { SourceContext } from './mongod-source.ts'

const DEFAULT_HOST = 'https://fastdl.mongodb.org'
const FIRST_CONNECTION_MS = 5_000
const DOWNLOAD_DEADLINE_MS = 5 * 60_000
/** A host that could not be reached is not tried again for this long. */
const UNREACHABLE_FOR_MS = 60 * 60_000

/** mongodb-memory-server-core downloads mongod into the user's cache. */
export async function downloadMongod(context: SourceContext): Promise<MongodBinary | string> {
  const { environment, signal, report } = context
  const options = {
    downloadDir: join(context.cacheDirectory, 'mongodb-binaries'),
    ...(context.madeBy !== null && { version: context.madeBy.version }),
  }
  const source = 'the download of mongodb-memory-server-core'
  await makeDirectory(options.downloadDir)
  const kept = await DryMongoBinary.locateBinary({ ...options, version: options.version ?? defaultVersion() })
  if (kept !== undefined) return inspectMongod(kept, source, signal)
  if (environment.MONGOMS_RUNTIME_DOWNLOAD === 'false') return 'MONGOMS_RUNTIME_DOWNLOAD is false'

  const host = new URL(environment.MONGOMS_DOWNLOAD_URL || environment.MONGOMS_DOWNLOAD_MIRROR || DEFAULT_HOST)
  const remembered = await findRememberedFailure(context.cacheDirectory, host.host)
  if (remembered !== null) return `${host.host} could not be reached ${remembered} min ago, and is tried once an hour`
  report(`downloading from ${host.host}`)
  const problem = await probe(proxyOf(environment) ?? host, signal)
  if (problem !== null) {
    await rememberFailure(context.cacheDirectory, host.host)
    return `${host.host} cannot be reached (${problem}); it is tried again in an hour`
  }
  const path = await raceDeadline(MongoBinary.getPath(options), signal).catch((error: unknown) => {
    signal.throwIfAborted()
    return new Error(firstLine(error))
  })
  if (typeof path !== 'string') return `the download failed (${path.message})`
  return inspectMongod(path, source, signal)
}

function defaultVersion(): string {
  return DryMongoBinary.getEnsuredOptions().version
}

function proxyOf(environment: NodeJS.ProcessEnv): URL | null {
  const { https_proxy, http_proxy, HTTPS_PROXY, HTTP_PROXY } = environment
  const proxy = https_proxy || http_proxy || HTTPS_PROXY || HTTP_PROXY
  return proxy !== undefined && URL.canParse(proxy) ? new URL(proxy) : null
}

/**
 * The package itself would wait a minute for a host that does not answer, three times over.
 * @returns what is wrong, or null.
 */
async function probe(url: URL, signal: AbortSignal): Promise<string | null> {
  const port = Number(url.port) || (url.protocol === 'http:' ? 80 : 443)
  const socket = connect({ host: url.hostname, port })
  const problem = await new Promise<string | null>((resolve) => {
    const timer = setTimeout(() => resolve(`no answer within ${FIRST_CONNECTION_MS / 1000} s`), FIRST_CONNECTION_MS)
    const settle = (outcome: string | null) => {
      clearTimeout(timer)
      resolve(outcome)
    }
    socket.once('connect', () => settle(null))
    socket.once('error', (error: NodeJS.ErrnoException) => settle(error.code ?? error.message))
    signal.addEventListener('abort', () => settle('cancelled'), { once: true })
  })
  socket.destroy()
  signal.throwIfAborted()
  return problem
}

/** The package cannot cancel a download: one that was given up goes on in the background, and harms nothing. */
async function raceDeadline<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const ended = AbortSignal.any([signal, AbortSignal.timeout(DOWNLOAD_DEADLINE_MS)])
  return Promise.race([
    work,
    new Promise<never>((_resolve, reject) => {
      ended.addEventListener('abort', () => reject(new Error('it took too long')), { once: true })
    }),
  ])
}

function failureFile(directory: string): string {
  return join(directory, 'unreachable-host')
}

/** @returns how many minutes ago the host was found unreachable, or null. */
async function findRememberedFailure(directory: string, host: string): Promise<number | null> {
  const file = failureFile(directory)
  const [text, info] = await Promise.all([readFile(file, 'utf8').catch(() => null), stat(file).catch(() => null)])
  if (text !== host || info === null) return null
  const ageMs = Date.now() - info.mtimeMs
  return ageMs >= 0 && ageMs < UNREACHABLE_FOR_MS ? Math.round(ageMs / 60_000) : null
}

async function rememberFailure(directory: string, host: string): Promise<void> {
  await writeFile(failureFile(directory), host)
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''
}
