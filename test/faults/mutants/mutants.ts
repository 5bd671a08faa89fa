/** A mutant is one deliberate breakage, and names the test that has to fail of it. */
export interface Mutant {
  readonly name: string
  readonly file: string
  /** This text stands in the file exactly once. */
  readonly find: string
  readonly replace: string
  readonly caughtBy: { readonly file: string; readonly test: string }
}

const durableWrite = 'file-server/src/store/disk/durable-write.ts'
const writeOrder = {
  file: 'file-server/test/store/disk/durable-write.test.ts',
  test: 'is: directories into their parents, the bytes, the name, the directory, and only then the answer',
}

export const mutants: readonly Mutant[] = [
  {
    name: 'skip the directory fsync',
    file: durableWrite,
    find: "await this.#syncNames(dirname(to))\n    await failpoint?.('file-server.after-directory-sync')",
    replace: '',
    caughtBy: writeOrder,
  },
  {
    name: 'ack a large copy before its fsync',
    file: durableWrite,
    find: 'await this.#disk.syncFile(file)',
    replace: '',
    caughtBy: writeOrder,
  },
  {
    name: 'ack a small copy before the fsync of the journal',
    file: 'file-server/src/store/journal/journal-segment.ts',
    find: "await this.#disk.syncJournal(this.#file.fd)\n    await failpoint?.('file-server.after-journal-sync')",
    replace: 'void this.#disk.syncJournal(this.#file.fd)',
    caughtBy: {
      file: 'file-server/test/store/journal/journal.test.ts',
      test: 'waits for syncJournal before the answer',
    },
  },
  {
    name: 'skip the digest check of a download',
    file: 'manager/src/chunks/reading/read-chunks.ts',
    find: 'if (part.digest.equals(proof.digest)) return part',
    replace: 'if (part.digest.length > 0) return part',
    caughtBy: {
      file: 'test/disks/integrity.test.ts',
      test: 'invariant 3: a flipped bit, a shortened, an emptied and a removed copy never become wrong bytes',
    },
  },
  {
    name: 'insert the record before the bytes are durable',
    file: 'manager/src/files/store-single.ts',
    find: 'return { chunk: (await writer.storeReplicas(order, held, ONE_REPLICA, context)).chunk }',
    replace: [
      'writer.storeReplicas(order, held, ONE_REPLICA, context).catch(() => undefined)',
      "return { chunk: { size: bytes.measure(), sha256: '' as never, replicas: [], version: 0 } }",
    ].join('\n'),
    caughtBy: {
      file: 'manager/test/files/put-file.test.ts',
      test: 'the error of the last file-server is the answer where there is no other, and no record is written',
    },
  },
  {
    name: 'no tombstone before an orphan goes',
    file: 'manager/src/upkeep/reconcile/reconcile-server.ts',
    find: 'const isUnwanted = await holders.removals.renounceCopy({ copyId: orphan.copyId, server: link.id, slot: orphan.slot })',
    replace: 'const isUnwanted = holders !== undefined',
    caughtBy: {
      file: 'manager/test/upkeep/reconcile/reconcile-server.faults.test.ts',
      test: 'an upload whose manager slept through the grace period is refused, stays invisible and leaves no bytes',
    },
  },
  {
    name: 'hand out a slot that is taken',
    file: 'file-server/src/store/tree/free-slots.ts',
    find: 'this.#masks.set(leaf, mask - 2 ** digitOf(slot))',
    replace: '',
    caughtBy: {
      file: 'file-server/test/store/tree/free-slots.test.ts',
      test: 'hands out the lowest slot like a sorted list does, whatever is taken and freed in between',
    },
  },
]
