import { setTimeout as delay } from 'node:timers/promises'
import { StartError } from '@holdfast/shared/node/run-service'
import { type Db, MongoClient, MongoServerError } from 'mongodb'

export const REPLICA_SET = 'rs0'
/** Only these fields of a replica set's configuration are looked at; the others are kept as they are. */
interface ReplicaSetConfig {
  readonly members: readonly { readonly host: string }[]
}

const READY_DEADLINE_MS = 60_000
const POLL_MS = 50

/**
 * Makes the mongod on this port the primary of a set of one. New data gets a new set; other data keeps the one that it
 * remembers.
 */
export async function ensurePrimary(port: number, signal: AbortSignal): Promise<void> {
  await withClient(port, signal, async (client, ended) => {
    const admin = client.db('admin')
    while (!(await isPrimary(admin))) {
      await configure(admin, `127.0.0.1:${port}`)
      await delay(POLL_MS, undefined, { signal: ended })
    }
  })
}

async function configure(admin: Db, host: string): Promise<void> {
  const answer = await unlessTooEarly(admin.command({ replSetGetConfig: 1 }))
  const config: ReplicaSetConfig | undefined = answer?.config
  if (config === undefined) {
    await unlessTooEarly(admin.command({ replSetInitiate: { _id: REPLICA_SET, members: [{ _id: 0, host }] } }))
  } else if (config.members[0]?.host !== host) {
    // The address differs only when a start was killed after it had moved the set and before it had noted that.
    const members = [{ ...config.members[0], host }]
    await unlessTooEarly(admin.command({ replSetReconfig: { ...config, members }, force: true }))
  }
}

/**
 * Moves the set that the data remembers to this port. mongod has to run alone meanwhile: as a member it would first
 * look for itself under the old address, and wait as long as whoever listens there says nothing.
 */
export async function moveReplicaSet(port: number, signal: AbortSignal): Promise<void> {
  await withClient(port, signal, async (client) => {
    const sets = client.db('local').collection<{ _id: string }>('system.replset')
    await sets.updateOne(
      { _id: REPLICA_SET },
      { $set: { 'members.0.host': `127.0.0.1:${port}` }, $inc: { version: 1 } },
    )
  })
}

async function withClient(
  port: number,
  signal: AbortSignal,
  work: (client: MongoClient, ended: AbortSignal) => Promise<void>,
): Promise<void> {
  const client = new MongoClient(`mongodb://127.0.0.1:${port}/?directConnection=true`, {
    serverSelectionTimeoutMS: READY_DEADLINE_MS,
  })
  try {
    await work(client, AbortSignal.any([signal, AbortSignal.timeout(READY_DEADLINE_MS)]))
  } catch (error) {
    signal.throwIfAborted()
    throw new StartError(`mongod on port ${port} did not become ready; its log is mongod.log in the data directory.`, {
      cause: error,
    })
  } finally {
    await client.close()
  }
}

async function isPrimary(admin: Db): Promise<boolean> {
  const hello = await admin.command({ hello: 1 })
  return hello.isWritablePrimary === true
}

/** While mongod still loads what it remembers, it answers as if there were no set, and refuses to make one. */
async function unlessTooEarly<T>(command: Promise<T>): Promise<T | null> {
  return command.catch((error: unknown) => {
    const name = error instanceof MongoServerError ? error.codeName : undefined
    if (name === 'NotYetInitialized' || name === 'AlreadyInitialized') return null
    throw error
  })
}
