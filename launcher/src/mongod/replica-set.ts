import { setTimeout as delay } from 'node:timers/promises'
import { type Db, MongoClient, MongoServerError } from 'mongodb'

export const REPLICA_SET = 'rs0'
const READY_DEADLINE_MS = 60_000
const POLL_MS = 50

/** The `_id` of a replica set's configuration and the member's address are kept with the data. */
interface ReplicaSetConfig {
  readonly version: number
  readonly members: readonly { readonly host: string }[]
}

/**
 * Makes the mongod on this port the primary of a set of one: a new set for new data, else the set that the data
 * remembers, brought to this port where it was on another one.
 */
export async function ensurePrimary(port: number, signal: AbortSignal): Promise<void> {
  const host = `127.0.0.1:${port}`
  const client = new MongoClient(`mongodb://${host}/?directConnection=true`, {
    serverSelectionTimeoutMS: READY_DEADLINE_MS,
  })
  const ended = AbortSignal.any([signal, AbortSignal.timeout(READY_DEADLINE_MS)])
  try {
    const admin = client.db('admin')
    while (!(await isPrimary(admin))) {
      await configure(admin, host)
      await delay(POLL_MS, undefined, { signal: ended })
    }
  } catch (error) {
    signal.throwIfAborted()
    throw new Error(`mongod on port ${port} did not become ready`, { cause: error })
  } finally {
    await client.close()
  }
}

async function isPrimary(admin: Db): Promise<boolean> {
  const hello = await admin.command({ hello: 1 })
  return hello.isWritablePrimary === true
}

async function configure(admin: Db, host: string): Promise<void> {
  const config = await readConfig(admin)
  if (config === null) {
    const members = [{ _id: 0, host }]
    await unlessTooEarly(admin.command({ replSetInitiate: { _id: REPLICA_SET, members } }))
  } else if (config.members[0]?.host !== host) {
    const moved = { ...config, version: config.version + 1, members: [{ ...config.members[0], host }] }
    await unlessTooEarly(admin.command({ replSetReconfig: moved, force: true }))
  }
}

async function readConfig(admin: Db): Promise<ReplicaSetConfig | null> {
  const answer = await unlessTooEarly(admin.command({ replSetGetConfig: 1 }))
  return (answer?.config as ReplicaSetConfig | undefined) ?? null
}

/** While mongod still loads what it remembers, it answers as if there were no set, and refuses to make one. */
async function unlessTooEarly<T>(command: Promise<T>): Promise<T | null> {
  return command.catch((error: unknown) => {
    const name = error instanceof MongoServerError ? error.codeName : undefined
    if (
      name === 'NotYetInitialized' ||
      name === 'AlreadyInitialized' ||
      name === 'NewReplicaSetConfigurationIncompatible'
    )
      return null
    throw error
  })
}
