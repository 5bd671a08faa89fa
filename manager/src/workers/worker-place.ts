import { Socket } from 'node:net'
import { CONNECTION, isSiblings, type Siblings, TAKEN, type WorkerState } from './worker-messages.ts'

/** A worker that cannot get as many file-servers as its siblings serves with those it has. */
const IN_STEP_MS = 3_000

export interface WorkerPlaceParts {
  readonly onConnection: (connection: Socket) => void
  readonly countFileServers: () => number
  /** Others have come: they are to be found in the database. */
  readonly onSiblings: () => void
}

/** The worker's end of the channel to the primary. */
export class WorkerPlace {
  readonly #parts: WorkerPlaceParts
  #state: WorkerState
  /** null: the primary has not answered yet. */
  #siblings: Siblings | null = null
  #onStep = (): void => {}
  #isClosed = false
  readonly #take: (message: unknown, connection?: unknown) => void

  constructor(address: { url: string; ownPort: number }, parts: WorkerPlaceParts) {
    this.#parts = parts
    this.#state = { kind: 'state', ...address, isServing: false, fileServerCount: parts.countFileServers() }
    this.#take = (message, connection) => {
      if (message === CONNECTION) this.#accept(connection)
      else if (isSiblings(message)) this.#note(message)
    }
    process.on('message', this.#take)
    this.#tell()
  }

  /** A file-server has come or gone. */
  noteFileServers(): void {
    this.#state = { ...this.#state, fileServerCount: this.#parts.countFileServers() }
    this.#tell()
    this.#onStep()
  }

  /** Takes connections of the shared port from here on. */
  serve(): void {
    this.#state = { ...this.#state, isServing: true }
    this.#tell()
  }

  /** Resolves when this worker is connected to as many file-servers as its siblings, so that all give the same answers. */
  async inStep(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, IN_STEP_MS)
      this.#onStep = () => {
        if (this.#siblings === null || this.#state.fileServerCount < this.#siblings.mostFileServers) return
        clearTimeout(timer)
        resolve()
      }
      this.#onStep()
    })
    this.#onStep = () => {}
  }

  /** Takes no more connections. */
  close(): void {
    this.#isClosed = true
  }

  #accept(connection: unknown): void {
    if (process.connected) process.send?.(TAKEN)
    // One whose client is gone does not come along.
    if (!(connection instanceof Socket)) return
    if (this.#isClosed) {
      connection.destroy()
      return
    }
    connection.setNoDelay(true)
    this.#parts.onConnection(connection)
    connection.resume()
  }

  #note(siblings: Siblings): void {
    const isChanged = siblings.urls.join() !== this.#siblings?.urls.join()
    this.#siblings = siblings
    if (isChanged) this.#parts.onSiblings()
    this.#onStep()
  }

  #tell(): void {
    if (process.connected) process.send?.(this.#state)
  }
}
