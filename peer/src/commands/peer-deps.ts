import type { Logger } from '@holdfast/shared/node/logger'
import type { NapsterUser } from '../napster/napster-user.ts'
import type { Progress } from '../progress.ts'
import type { ShareDatabase } from '../shares/share-database.ts'
import type { Sharing } from '../shares/sharing.ts'
import type { SwarmClient } from '../swarm/swarm-client.ts'
import type { Listening, TrackerClient } from '../tracker-client.ts'

/** What commands work with. */
export interface PeerDeps {
  readonly directory: string
  readonly swarm: SwarmClient
  readonly tracker: TrackerClient
  readonly shares: ShareDatabase
  readonly sharing: Sharing
  readonly user: NapsterUser
  readonly listening: Listening
  readonly journals: string
  readonly log: Logger
}

/** The user, at this terminal or behind a connection. */
export interface Ui {
  /** A line of the result. */
  print(line: string): void
  /** A line beside it. */
  say(line: string): void
  progress(title: string, progress: Progress): void
}
