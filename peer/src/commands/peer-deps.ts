import type { NapsterUser } from '../napster/napster-user.ts'
import type { Progress } from '../progress.ts'
import type { Sharing, SharingDeps } from '../shares/sharing.ts'

/** Commands work with these. */
export interface PeerDeps extends SharingDeps {
  readonly directory: string
  readonly sharing: Sharing
  readonly user: NapsterUser
  readonly journals: string
}

/** Tells the user, at this terminal or behind a connection, what a command does. */
export interface Ui {
  /** Prints a line of the result. */
  print(line: string): void
  /** Prints a line beside it. */
  say(line: string): void
  progress(title: string, progress: Progress): void
}
