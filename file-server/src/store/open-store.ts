import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type DirectoryLock, lockDirectory } from '@holdfast/shared/node/directory-lock'
import type { Logger } from '@holdfast/shared/node/logger'
import { explainDirectory } from '@holdfast/shared/node/system-error'
import { type DiskCalls, openDisk } from './disk/disk-calls.ts'
import { DiskHealth } from './disk/disk-health.ts'
import { DurableWrite } from './disk/durable-write.ts'
import { Room } from './disk/room.ts'
import { Identity, prepareDirectory } from './identity.ts'
import { DEFAULT_JOURNAL, type JournalSettings, openJournal } from './journal/open-journal.ts'
import { LocalStore } from './local-store.ts'
import { Quarantine } from './quarantine/quarantine.ts'
import type { Store } from './store.ts'
import { Checkpoint } from './tree/checkpoint.ts'
import { CopyTree } from './tree/copy-tree.ts'
import { Leaves } from './tree/leaves.ts'
import { replay } from './tree/replay.ts'
import { planReplay } from './tree/replay-plan.ts'
import { LEAF_COUNT, type Leaf } from './tree/slot.ts'
import { findHighestLeaf } from './tree/walk.ts'

export interface StoreOptions {
  readonly dataDirectory: string
  /** New copies are refused when less than this would stay free on the disk; deletes are not. */
  readonly minFreeBytes: number
  readonly log: Logger
  /**
   * A caller that has taken the directory's lock (`pickFreeSubdirectory`) gives it to the store, which gives it back in
   * any case.
   */
  readonly lock?: DirectoryLock
  readonly disk?: DiskCalls
  readonly journal?: JournalSettings
}

/** Takes a data directory into use. @throws StartError where it is in use, or not ours. */
export async function openStore(options: StoreOptions): Promise<Store> {
  let lock = options.lock
  try {
    await prepareDirectory(options.dataDirectory)
    lock ??= await lockDirectory(options.dataDirectory)
    return await openLocked(options, lock)
  } catch (error) {
    await lock?.release()
    throw explainDirectory(options.dataDirectory, error)
  }
}

async function openLocked(options: StoreOptions, lock: DirectoryLock): Promise<Store> {
  const { dataDirectory, minFreeBytes, log, disk = openDisk() } = options
  // It is looked at again, because another process may have been making it before the lock.
  await prepareDirectory(dataDirectory)
  const identity = await Identity.open(dataDirectory, disk)
  const roots = { tree: join(dataDirectory, 'tree'), quarantine: join(dataDirectory, 'quarantine') }
  for (const root of Object.values(roots)) await mkdir(root, { recursive: true, mode: 0o700 })
  await disk.syncDirectory(dataDirectory)

  const health = new DiskHealth(log)
  const durable = new DurableWrite(disk)
  const room = new Room({ minFreeBytes, read: () => disk.readRoom(dataDirectory), nowMs: () => performance.now() })
  await room.refresh()
  const quarantine = await Quarantine.open({ root: roots.quarantine, disk, durable, health, log })
  const leaves = new Leaves({ root: roots.tree, disk, durable, quarantine, log })
  const checkpoint = new Checkpoint(roots.tree, disk, log)
  // Nobody looks at the tree before this, for what it holds is only right after the replay.
  const journal = await openJournal({
    ...(options.journal ?? DEFAULT_JOURNAL),
    dataDirectory,
    tree: {
      replay: (frames, isDamaged) => replay(planReplay(frames), { leaves, quarantine, disk, log, isDamaged }),
      makeDurable: (copies) => checkpoint.makeDurable(copies),
    },
    room,
    disk,
    health,
    log,
  })
  const highest = (await findHighestLeaf(roots.tree)) ?? (0 as Leaf)
  leaves.slots.free.addUnopened(highest, LEAF_COUNT)
  const tree = new CopyTree({ leaves, quarantine, journal, room, disk, durable, health, log })
  const store = new LocalStore({ identity, lock, tree, room, health, disk, journal })
  store.startInventory(highest)
  return store
}
