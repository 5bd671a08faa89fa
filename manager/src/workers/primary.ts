import { type ChildProcess, fork } from 'node:child_process'
import { createServer, type Server } from 'node:net'
import type { Logger } from '@holdfast/shared/node/logger'
import type { Service } from '@holdfast/shared/node/run-service'
import { ConnectionDealer, type Taker } from './connection-dealer.ts'
import { listen } from './listen.ts'
import { planRestart, type WorkerEnd } from './restart-delay.ts'
import { type ConnectionMessage, isAbout, siblingsOf, type WorkerState } from './worker-messages.ts'
import { ownPortOf } from './worker-settings.ts'

export interface PrimaryOptions {
  /** Each worker runs this file. */
  readonly script: string
  readonly workerCount: number
  readonly host: string
  /** 0 takes a free port. */
  readonly port: number
  /** The workers' own ports begin with this one; 0 takes free ones. */
  readonly firstWorkerPort: number
}

/** One worker after the other runs in a place. */
interface Place {
  readonly number: number
  worker: RunningWorker | null
  failureCount: number
  ownPort: number
  timer: NodeJS.Timeout | undefined
}

interface RunningWorker extends Taker {
  readonly child: ChildProcess
  readonly startedAt: number
  state: WorkerState | null
  hasServed: boolean
}

/**
 * Runs several manager processes behind one port. The primary owns the port, deals the connections to the workers, and starts
 * again what dies. It serves nothing itself and keeps nothing. Workers end with it, for their channel closes.
 */
export class Primary implements Service {
  readonly #options: PrimaryOptions
  readonly #log: Logger
  readonly #places: readonly Place[]
  readonly #dealer = new ConnectionDealer()
  readonly #server: Server
  #port = 0
  #isClosing = false

  private constructor(options: PrimaryOptions, log: Logger) {
    this.#options = options
    this.#log = log
    this.#server = createServer({ pauseOnConnect: true }, (connection) => this.#dealer.deal(connection))
    this.#places = Array.from({ length: options.workerCount }, (_, number) => ({
      number,
      worker: null,
      failureCount: 0,
      ownPort: 0,
      timer: undefined,
    }))
  }

  static async start(options: PrimaryOptions, log: Logger): Promise<Primary> {
    const primary = new Primary(options, log)
    const { port } = await listen(primary.#server, options)
    primary.#port = Number(port)
    for (const place of primary.#places) primary.#tryFork(place)
    return primary
  }

  async close(): Promise<void> {
    this.#isClosing = true
    this.#server.close()
    const running = this.#places.flatMap(({ worker, timer }) => {
      clearTimeout(timer)
      return worker === null ? [] : [worker]
    })
    // Each worker bounds its own shutdown, as this process does.
    await Promise.all(
      running.map(async (worker) => {
        this.#dealer.remove(worker)
        const { child } = worker
        // A child that could not be started, or has ended a moment ago, sends no `exit`.
        if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
        const exited = new Promise((resolve) => child.once('exit', resolve))
        child.kill('SIGTERM')
        await exited
      }),
    )
    this.#dealer.close()
  }

  /** `fork` throws some failures, and tells others by a child that never runs. */
  #tryFork(place: Place): void {
    try {
      this.#fork(place)
    } catch (error) {
      this.#planNext(place, { livedMs: 0, hasServed: false }, String(error))
    }
  }

  #fork(place: Place): void {
    const { script, firstWorkerPort } = this.#options
    place.ownPort = ownPortOf(firstWorkerPort, place.number, place.ownPort)
    const child = fork(script, [], {
      env: {
        ...process.env,
        PORT: String(this.#port),
        MANAGER_WORKER_PORT: String(place.ownPort),
        MANAGER_IS_WORKER: 'true',
      },
    })
    const worker: RunningWorker = {
      child,
      startedAt: performance.now(),
      state: null,
      hasServed: false,
      give: (connection, number) => {
        const message: ConnectionMessage = { kind: 'connection', number }
        child.send(message, connection, { keepOpen: true }, (error) => {
          // This waits for the next turn: a channel that is broken would eat up all that waits before its end is heard of.
          if (error !== null) setImmediate(() => this.#dealer.took(worker, number))
        })
      },
      ask: (number) => child.send({ kind: 'ask', number } satisfies ConnectionMessage, ignoreEnded),
    }
    place.worker = worker
    child.on('message', (message: unknown) => {
      if (isAbout(message, 'taken')) this.#dealer.took(worker, message.number)
      else if (isAbout(message, 'state')) this.#note(place, worker, message)
    })
    child.on('error', (error) => {
      this.#log.warn({ worker: place.number + 1, err: error }, 'worker not reached')
      // A child that could not be started never exits.
      if (child.pid === undefined) this.#restart(place, worker, error.message)
    })
    child.once('disconnect', () => this.#dealer.remove(worker))
    child.once('exit', (code, signal) => this.#restart(place, worker, signal ?? `exit code ${code}`))
  }

  #note(place: Place, worker: RunningWorker, state: WorkerState): void {
    const wasServing = worker.state?.isServing === true
    worker.state = state
    place.ownPort = state.ownPort
    if (state.isServing) worker.hasServed = true
    if (wasServing && !state.isServing) this.#dealer.retire(worker)
    if (state.isServing && !wasServing && !this.#isClosing) this.#dealer.add(worker)
    this.#tellSiblings()
  }

  #restart(place: Place, worker: RunningWorker, how: string): void {
    if (place.worker !== worker) return
    place.worker = null
    this.#dealer.remove(worker)
    if (this.#isClosing) return
    // Its port may have been taken, so the next worker gets another.
    if (worker.state === null) place.ownPort = 0
    this.#planNext(place, { livedMs: performance.now() - worker.startedAt, hasServed: worker.hasServed }, how)
    this.#tellSiblings()
  }

  #planNext(place: Place, end: Pick<WorkerEnd, 'livedMs' | 'hasServed'>, how: string): void {
    const { delayMs, failureCount } = planRestart({ ...end, failureCount: place.failureCount }, Math.random())
    place.failureCount = failureCount
    this.#log.warn({ worker: place.number + 1, how, delayMs: Math.round(delayMs) }, 'worker ended, started again')
    place.timer = setTimeout(() => this.#tryFork(place), delayMs)
  }

  #tellSiblings(): void {
    const running = this.#places.flatMap(({ worker }) => (worker === null ? [] : [worker]))
    const siblings = siblingsOf(running.flatMap(({ state }) => (state === null ? [] : [state])))
    for (const { child } of running) if (child.connected) child.send(siblings, ignoreEnded)
  }
}

/** A worker that ends while it is told something shows in its exit. */
function ignoreEnded(): void {}
