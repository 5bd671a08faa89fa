import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Plan } from '../plan.ts'
import type { Heal } from '../result.ts'
import type { System } from '../system.ts'

/** The section has this Holdfast of its own, whose file-servers can be stopped. */
export interface HealSystem {
  readonly system: System
  readonly url: string
  /** The data directories of the file-servers are there, each under the file-server's name. */
  readonly fileServersDirectory: string
  /** Has one file-server answer nobody until the end. */
  readonly freezeFileServer: () => Promise<void>
}

/** @param settings are in the environment of all processes */
export type StartHealSystem = (
  fileServerCount: number,
  settings: Readonly<Record<string, string>>,
) => Promise<HealSystem>

/** Is what the section has to know of `GET /upkeep`. */
interface UpkeepStatus {
  readonly chunks: {
    readonly total: number
    readonly byReplicas: Readonly<Record<string, number>>
    readonly countedAt: string
  } | null
  readonly fileServers: { readonly lost: readonly { readonly name: string }[] }
}

const FILE_SERVER_COUNT = 3
/** These bound nothing, and have upkeep look often. */
const settings = {
  UPKEEP_BYTES_PER_SECOND: '100GiB',
  FILE_SERVER_GRACE_MS: '3000',
  UPKEEP_EVERY_MS: '500',
}
/** A copy that is not whole has another name. */
const COPY = /-[0-9a-f]{40}-[0-9a-f]{64}$/
/** A whole chunk has so many. */
const CHUNK_BYTES = 4 * 1024 ** 2
const POLL_MS = 200
const LIMIT_MS = 600_000

/** Measures how fast the chunks of a lost file-server are copied elsewhere. Each of the two others has half of them. */
export async function measureHeal(start: StartHealSystem, plan: Plan, report: (line: string) => void): Promise<Heal> {
  report(`starting one with ${FILE_SERVER_COUNT} file-servers, to lose one`)
  const { system, url, fileServersDirectory, freezeFileServer } = await start(FILE_SERVER_COUNT, settings)
  // Each of the three has two thirds of all bytes.
  const fileBytes = Math.min(plan.largeBytes, plan.lostBytes)
  const fileCount = Math.ceil((1.5 * plan.lostBytes) / fileBytes)
  await system.uploading('replicated', 'raw-replicated').fill(fileBytes, fileCount)

  // Some uploads are acknowledged with one replica on a slow machine, and would be lost.
  const chunkCount = fileCount * Math.ceil(fileBytes / CHUNK_BYTES)
  const before = await until('every chunk has two replicas', async () => {
    const copies = await copiesByFileServer(fileServersDirectory)
    return countOf(copies) === 2 * chunkCount && isWhole(await readUpkeep(url)) ? copies : undefined
  })
  const countMade = async (): Promise<number> =>
    countOf(await copiesByFileServer(fileServersDirectory)) - countOf(before)
  await freezeFileServer()
  const firstCount = await until('a copy is made', async () => (await countMade()) || undefined)
  const begunAt = performance.now()
  const { name } = await until('a file-server is lost', async () => (await readUpkeep(url))?.fileServers.lost[0])
  const lost = before.get(name) ?? []
  report(`file-server ${name} is lost with ${lost.length} copies`)
  await until('all copies are made', async () => (await countMade()) >= lost.length || undefined)
  const endedAt = performance.now()
  await until('GET /upkeep tells that every chunk has two replicas', async () => {
    const status = await readUpkeep(url)
    return (isWhole(status) && status?.chunks?.total === chunkCount) || undefined
  })
  if ((await countMade()) !== lost.length) throw new Error('there are more copies than two of each chunk')
  const sizes = await Promise.all(lost.map(async (path) => (await stat(path)).size))
  return {
    fileServerCount: FILE_SERVER_COUNT,
    chunkCount: lost.length - firstCount,
    bytes: (sizes.reduce((sum, size) => sum + size, 0) * (lost.length - firstCount)) / lost.length,
    seconds: (endedAt - begunAt) / 1000,
  }
}

/** @returns the paths of the copies that are whole, by the file-server's name */
async function copiesByFileServer(directory: string): Promise<Map<string, string[]>> {
  const lists = (await readdir(directory)).map(async (name): Promise<[string, string[]]> => {
    const entries = await readdir(join(directory, name, 'tree'), { recursive: true, withFileTypes: true })
    const copies = entries.filter((entry) => entry.isFile() && COPY.test(entry.name))
    return [name, copies.map((entry) => join(entry.parentPath, entry.name))]
  })
  return new Map(await Promise.all(lists))
}

/** What was lost is counted anew when all of it is healed. */
function isWhole(status: UpkeepStatus | null): boolean {
  const { '0': lost, '1': short } = status?.chunks?.byReplicas ?? {}
  return lost === 0 && short === 0
}

function countOf(copies: ReadonlyMap<string, readonly string[]>): number {
  return [...copies.values()].reduce((sum, ofServer) => sum + ofServer.length, 0)
}

async function readUpkeep(url: string): Promise<UpkeepStatus | null> {
  return (await (await fetch(`${url}/upkeep`)).json()) as UpkeepStatus | null
}

/** Asks until there is an answer. */
async function until<T>(claim: string, ask: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + LIMIT_MS
  while (performance.now() < deadline) {
    const answer = await ask()
    if (answer !== undefined) return answer
    await delay(POLL_MS)
  }
  throw new Error(`not within ${LIMIT_MS / 1000} s: ${claim}`)
}
