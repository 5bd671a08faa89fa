import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type BenchFile, contentOf } from '../contents.ts'
import type { Plan } from '../plan.ts'
import type { Swarm, Transfer } from '../result.ts'
import { readAria2Version, type SwarmClient, swarmClients } from '../swarm/clients.ts'
import { runClient } from '../swarm/run-client.ts'
import { Seeds } from '../swarm/seeds.ts'
import { infoOf, type TorrentInfo, torrentOf } from '../swarm/torrent.ts'

/** Has what `scripts/` is asked for: the peer's packages are installed and built only where somebody uses it. */
interface Bootstrap {
  ensurePeerInstalled(): Promise<void>
  ensurePeerBuilt(): Promise<void>
}

/** Measures how long clients take to load one file from one seed and from several, in turn; none where there is no aria2c. */
export async function measureSwarm(directory: string, plan: Plan, report: (line: string) => void): Promise<Swarm[]> {
  const aria2Version = await readAria2Version()
  if (aria2Version === null) {
    report('NOT MEASURED, for there is no aria2c: swarm')
    return []
  }
  const bootstrap = (await import(new URL('../../../scripts/bootstrap.mjs', import.meta.url).href)) as Bootstrap
  await bootstrap.ensurePeerInstalled()
  await bootstrap.ensurePeerBuilt()
  const clients = await swarmClients(aria2Version)

  const home = join(directory, 'swarm')
  await mkdir(home)
  const file: BenchFile = { name: 'film.bin', sizeBytes: plan.swarmBytes, seed: 0 }
  const path = join(home, file.name)
  report(`making a file of ${plan.swarmBytes / 1024 ** 2} MiB and its seeds`)
  await writeDurably(path, contentOf(file))
  const info = infoOf(file)
  await using seeds = await Seeds.start(path, info, Math.max(...plan.swarmSeedCounts), home)
  const swarms: Swarm[] = []
  for (const seedCount of plan.swarmSeedCounts) {
    report(`${clients.map(({ name }) => name).join(', ')} load from ${seedCount} ${seedCount === 1 ? 'seed' : 'seeds'}`)
    const samples: Record<string, Transfer[]> = {}
    for (let round = 0; round < plan.largeRounds; round += 1)
      for (const client of round % 2 === 0 ? clients : clients.toReversed()) {
        const transfer = await load(client, { home, file, info, seeds, seedCount })
        samples[client.name] = [...(samples[client.name] ?? []), transfer]
      }
    swarms.push({ seedCount, bytes: plan.swarmBytes, samples })
  }
  return swarms
}

interface LoadDeps {
  readonly home: string
  readonly file: BenchFile
  readonly info: TorrentInfo
  readonly seeds: Seeds
  readonly seedCount: number
}

/** @throws Error where what was loaded is not the file */
async function load(client: SwarmClient, { home, file, info, seeds, seedCount }: LoadDeps): Promise<Transfer> {
  const directory = join(home, 'loaded')
  await mkdir(directory)
  const wish = { torrent: join(home, 'film.torrent'), directory, target: join(directory, file.name) }
  await writeFile(wish.torrent, torrentOf(info, seeds.trackerUrl(seedCount)))
  const config = {
    self: { service: 'state', host: '127.0.0.1', port: 0 },
    tracker: { host: 'http://127.0.0.1', port: seeds.trackerPort },
  }
  await writeFile(join(directory, 'cfg.json'), JSON.stringify(config))
  const transfer = await runClient(client, wish)
  const digest = createHash('sha256')
  for await (const chunk of createReadStream(wish.target, { highWaterMark: 1024 ** 2 })) digest.update(chunk)
  if (digest.digest('hex') !== info.sha256) throw new Error(`${client.name} has loaded wrong bytes`)
  await rm(directory, { recursive: true })
  return transfer
}

async function writeDurably(path: string, content: Iterable<Buffer>): Promise<void> {
  await using handle = await open(path, 'wx')
  for (const bytes of content) await handle.write(bytes)
  await handle.sync()
}
