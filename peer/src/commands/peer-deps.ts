import type { NapsterUser } from '../napster/napster-user.ts'
import type { Progress } from '../progress.ts'
import type { Sharing, SharingDeps } from '../shares/sharing.ts'

/** What commands work with. */
export interface PeerDeps extends SharingDeps {
  readonly directory: string
  readonly sharing: Sharing
  readonly user: NapsterUser
  readonly journals: string
}

/** The user, at this terminal or behind a connection. */
export interface Ui {
  /** A line of the result. */
  print(line: string): void
  /** A line beside it. */
  say(line: string): void
  progress(title: string, progress: Progress): void
}
