import { join } from 'node:path'
import { lockDirectory } from '@holdfast/shared/node/directory-lock'
import { makeDirectory } from '@holdfast/shared/node/make-directory'
import { startStopping } from '@holdfast/shared/node/stop-stack'
import type { PeerDeps } from './commands/peer-deps.ts'
import type { PeerConfig } from './config.ts'
import { answerHeartbeats } from './napster/heartbeat-answers.ts'
import { NapsterUser } from './napster/napster-user.ts'
import { TrackerAddresses } from './napster/tracker-addresses.ts'
import { openLog } from './open-log.ts'
import { ShareDatabase } from './shares/share-database.ts'
import { Sharing } from './shares/sharing.ts'
import { SwarmClient } from './swarm/swarm-client.ts'
import { TrackerClient } from './tracker-client.ts'

export interface App {
  close(): Promise<void>
  readonly deps: PeerDeps
  readonly stateDirectory: string
  /** Shares what the database has, and stays online at the tracker. */
  goOnline(): void
}

/** What a peer keeps for itself stands in this folder of its directory. */
export const stateDirectoryOf = (config: PeerConfig): string => join(config.directory, '.holdfast-peer')

/** @throws DirectoryInUseError where another process has the directory, PeerError */
export function openApp(config: PeerConfig): Promise<App> {
  return startStopping(async (stops) => {
    const state = stateDirectoryOf(config)
    await makeDirectory(state, config.directory)
    const lock = await lockDirectory(state)
    stops.add(() => lock.release())
    const log = await openLog(state)
    const shares = await ShareDatabase.open(state)
    stops.add(() => shares.save())
    const swarm = await SwarmClient.listen({ host: config.host, port: config.port, log })
    stops.add(() => swarm.close())
    const tracker = new TrackerClient(config.tracker)
    const listening = { host: config.host, port: swarm.port }
    const user = new NapsterUser({ tracker, shares, listening, log })
    stops.add(() => user.close())
    const addresses = new TrackerAddresses(config.tracker, log)
    stops.add(async () => addresses.close())
    if (swarm.udp !== null)
      answerHeartbeats(
        swarm.udp,
        (address) => addresses.has(address),
        () => user.noteHeartbeat(),
      )
    const sharing = new Sharing({ swarm, tracker, shares, listening, log })
    stops.add(() => sharing.close())
    log.info({ host: config.host, port: swarm.port, tracker: tracker.origin }, 'peer started')
    return {
      stateDirectory: state,
      deps: {
        directory: config.directory,
        swarm,
        tracker,
        shares,
        sharing,
        user,
        listening,
        journals: join(state, 'downloads'),
        log,
      },
      goOnline() {
        sharing.start()
        if (swarm.udp !== null) user.goOnline()
      },
    }
  })
}
