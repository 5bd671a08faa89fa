import { createInterface } from 'node:readline'
import { TorrentError } from '@holdfast/shared/node/torrent/metainfo'
import { GO, type PullMessage, pullOrder } from '@holdfast/shared/node/torrent/pull-messages'
import { reasonOf } from './peer-error.ts'
import { FinalError } from './pull/judge-sources.ts'
import { pullTorrent } from './pull/pull-torrent.ts'

/** Loads one torrent for a manager, as `pull-messages.ts` says. */

/** What is under way is ended orderly within this. */
const END_MS = 3_000

const stop = new AbortController()
const end = (): void => {
  stop.abort()
  setTimeout(() => process.exit(1), END_MS).unref()
}
const lines = createInterface({ input: process.stdin })
const input = lines[Symbol.asyncIterator]()
// The manager wants no more of it, or is gone.
lines.once('close', end)
process.once('SIGTERM', end)
process.stdout.on('error', () => process.exit(1))
// What webtorrent leaves uncaught of one connection must not end all others.
process.on('unhandledRejection', (error) => process.stderr.write(`${reasonOf(error)}\n`))

const tell = (message: PullMessage): void => void process.stdout.write(`${JSON.stringify(message)}\n`)
const go = async (): Promise<void> => {
  const { value } = await input.next()
  if (value !== GO) throw new Error('interrupted')
}

try {
  const order = pullOrder.parse(JSON.parse(String((await input.next()).value)))
  await pullTorrent(order, { tell, go }, stop.signal)
  process.exit(0)
} catch (error) {
  const isFinal = error instanceof FinalError || error instanceof TorrentError
  tell({ kind: 'failed', reason: reasonOf(error), isFinal })
  process.exit(1)
}
