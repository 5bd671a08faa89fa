import { Socket } from 'node:net'
import { type ConnectionMessage, isAbout, type Siblings, type WorkerState } from './worker-messages.ts'

/** A worker that cannot get as many file-servers as its siblings within this serves with those it has. */
const IN_STEP_MS = 3_000

export interface WorkerPlaceDeps {
  readonly onConnection: (connection: Socket) => void
  /** Bounds the connections here, for a server applies its own bound only to connections that it accepted itself. */
  readonly maxConnections: number
  readonly countFileServers: () => number
  /** Is called when other workers have come, which are to be found in the database. */
  readonly onSiblings: () => void
}

/** This is the worker's end of the channel to the primary. */
export class WorkerPlace {
  readonly #deps: WorkerPlaceDeps
  #state: WorkerState
  /** It is null until the primary has answered. */
  #siblings: Siblings | null = null
  #onStep = (): void => {}
  #isClosed = false
  #openCount = 0
  readonly #take: (message: unknown, connection?: unknown) => void

  constructor(address: { url: string; ownPort: number }, deps: WorkerPlaceDeps) {
    this.#deps = deps
    this.#state = { kind: 'state', ...address, isServing: false, fileServerCount: deps.countFileServers() }
    this.#take = (message, connection) => {
      if (isAbout(message, 'connection')) this.#accept(connection, message.number)
      else if (isAbout(message, 'ask')) this.#say({ kind: 'taken', number: message.number })
      else if (isAbout(message, 'siblings')) this.#note(message)
    }
    process.on('message', this.#take)
    this.#tell()
  }

  /** Notes that a file-server has come or gone. */
  noteFileServers(): void {
    this.#state = { ...this.#state, fileServerCount: this.#deps.countFileServers() }
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
    this.#state = { ...this.#state, isServing: false }
    this.#tell()
  }

  #accept(connection: unknown, number: number): void {
    this.#say({ kind: 'taken', number })
    // A connection whose client is gone does not come along.
    if (!(connection instanceof Socket)) return
    if (this.#isClosed || this.#openCount >= this.#deps.maxConnections) {
      connection.destroy()
      return
    }
    this.#openCount += 1
    connection.once('close', () => {
      this.#openCount -= 1
    })
    connection.setNoDelay(true)
    // An HTTP server sets this on the connections that it accepts itself.
    connection.allowHalfOpen = true
    this.#deps.onConnection(connection)
    connection.resume()
  }

  #note(siblings: Siblings): void {
    const isChanged = siblings.urls.join() !== this.#siblings?.urls.join()
    this.#siblings = siblings
    if (isChanged) this.#deps.onSiblings()
    this.#onStep()
  }

  #tell(): void {
    this.#say(this.#state)
  }

  #say(message: WorkerState | ConnectionMessage): void {
    process.send?.(message, undefined, undefined, ignoreGone)
  }
}

/** A primary that is gone shows in the end of its channel. */
function ignoreGone(): void {}
