import { totalmem } from 'node:os'
import { MongoInstance } from 'mongodb-memory-server-core'
import type { ProcessEnd, RunningProcess } from '../processes/running-process.ts'
import type { MongodBinary } from './mongod-binary.ts'
import { REPLICA_SET } from './replica-set.ts'

export interface MongodOptions {
  readonly binary: MongodBinary
  readonly dbPath: string
  readonly port: number
  /** A mongod that runs alone treats its replica set as data like any other, so the set can be changed. */
  readonly isAlone?: boolean
  /** Gets every line of mongod's log. */
  readonly onLine: (line: string) => void
}

/** mongod replays its journal after a kill before it listens, which can take this long. */
const LAUNCH_DEADLINE_MS = 120_000

const GIB = 1024 ** 3
const CACHE_SHARE = 1 / 16
/** MongoDB takes no less. */
const LEAST_CACHE_GB = 0.25
/** Beyond this size the system's own cache does as well. */
const MOST_CACHE_GB = 4

/** @returns GiB, for `--wiredTigerCacheSizeGB` */
export function cacheSizeGb(availableBytes: number): number {
  const share = (availableBytes / GIB) * CACHE_SHARE
  return Number(Math.min(MOST_CACHE_GB, Math.max(LEAST_CACHE_GB, share)).toFixed(2))
}

/** A container may have less memory than its machine, so the smaller of the two counts. */
export function memoryBytes(): number {
  const limit = process.constrainedMemory()
  return limit > 0 ? Math.min(totalmem(), limit) : totalmem()
}

/** An embedded mongod is a guest: it may not take half of the machine's memory, nor let its diagnostic.data grow. */
const modesty = ['--wiredTigerCacheSizeGB', `${cacheSizeGb(memoryBytes())}`, '--oplogSize', '256', '--nounixsocket']
const parameters = [
  'diagnosticDataCollectionEnabled=false',
  // What a manager had begun when it was killed holds the file's record for so long, where MongoDB would leave it a minute.
  'transactionLifetimeLimitSeconds=5',
].flatMap((parameter) => ['--setParameter', parameter])

/**
 * MongoInstance takes each chunk of output for one line and parses some of them as JSON, so several lines at once would
 * throw out of a stream's handler. This class shows it one line at a time.
 */
class LineWiseInstance extends MongoInstance {
  readonly ended: Promise<ProcessEnd>
  #settleEnded: (end: ProcessEnd) => void = () => undefined
  #rest = ''
  readonly #onLine: (line: string) => void

  constructor(options: ConstructorParameters<typeof MongoInstance>[0], onLine: (line: string) => void) {
    super(options)
    this.#onLine = onLine
    this.ended = new Promise((resolve) => {
      this.#settleEnded = resolve
    })
  }

  /**
   * A signal ends mongod as well as the shutdown command of replica sets, which would wait for a mongod that may not
   * listen yet.
   */
  override stop(): Promise<boolean> {
    this.isReplSet = false
    return super.stop()
  }

  override closeHandler(code: number | null, signal: string | null): void {
    this.#settleEnded({ how: signal === null ? `exit code ${code}` : `signal ${signal}`, cannotStart: null })
    super.closeHandler(code, signal)
  }

  override stdoutHandler(message: string | Buffer): void {
    const lines = (this.#rest + message.toString()).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      this.#onLine(line)
      super.stdoutHandler(line)
    }
  }
}

/**
 * Starts mongod in a process group of its own, because a Ctrl-C in the terminal must not reach it before its clients
 * are gone. The package's watcher ends it when this process is killed.
 */
export async function startMongodProcess({
  binary,
  dbPath,
  port,
  isAlone = false,
  onLine,
}: MongodOptions): Promise<RunningProcess> {
  const instance = new LineWiseInstance(
    {
      binary: { systemBinary: binary.path, version: binary.version, checkMD5: false },
      instance: {
        port,
        dbPath,
        ip: '127.0.0.1',
        ...(!isAlone && { replSet: REPLICA_SET }),
        storageEngine: 'wiredTiger',
        launchTimeout: LAUNCH_DEADLINE_MS,
        args: [...modesty, ...parameters],
      },
      spawn: { detached: true },
    },
    onLine,
  )
  await instance.start()
  const pid = instance.mongodProcess?.pid
  if (pid === undefined) throw new Error('mongod ended while it was starting')
  return {
    pid,
    ended: instance.ended,
    stop: async () => {
      await instance.stop()
      await instance.ended
    },
    kill: () => {
      instance.mongodProcess?.kill('SIGKILL')
    },
  }
}
