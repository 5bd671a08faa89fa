import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { makeDirectory } from '@holdfast/shared/node/make-directory'
import { isErrno } from '@holdfast/shared/node/system-error'
import { z } from 'zod'
import { PeerError, reasonOf } from '../peer-error.ts'
import { writeWhole } from '../write-whole.ts'

const file = {
  path: z.string(),
  size: z.int(),
  /** It counts milliseconds, as `stat` does. */
  changedAt: z.number(),
  infoHash: z.string().regex(/^[0-9a-f]{40}$/),
}
const share = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('torrent'), ...file, trackers: z.array(z.string()) }),
  z.object({ kind: z.literal('json'), ...file, hash: z.uuid() }),
  z.object({
    kind: z.literal('song'),
    ...file,
    /** The tracker gives it; until then it is null. */
    id: z.uuid().nullable(),
    checksum: z.string(),
    ...{ song: z.string(), artist: z.string(), album: z.string() },
    ...{ duration: z.number().nullable(), year: z.number().nullable() },
  }),
])
const database = z.object({ format: z.literal(1), shares: z.array(share) })

export type Share = z.output<typeof share>
export type SongShare = Extract<Share, { kind: 'song' }>

/** A user of the tracker has at most so many files. */
const MAX_SHARES = 10_000
const SAVE_EVERY_MS = 1_000

/**
 * Keeps what this peer shares in one file that is always whole: it is written beside and renamed. The torrents stand beside
 * it, so that nothing is hashed at a start.
 */
export class ShareDatabase {
  readonly #directory: string
  readonly #shares: Map<string, Share>
  /** The torrents of these info-hashes may be needed no longer. */
  readonly #left = new Set<string>()
  #savedAt = 0
  #saving: Promise<void> = Promise.resolve()

  private constructor(directory: string, shares: readonly Share[]) {
    this.#directory = directory
    this.#shares = new Map(shares.map((found) => [keyOf(found), found]))
  }

  /** @throws PeerError where the file is there and cannot be read */
  static async open(directory: string): Promise<ShareDatabase> {
    await makeDirectory(join(directory, 'torrents'))
    const path = join(directory, 'shares.json')
    try {
      return new ShareDatabase(directory, database.parse(JSON.parse(await readFile(path, 'utf8'))).shares)
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return new ShareDatabase(directory, [])
      const reason = error instanceof z.ZodError ? 'it is not what this peer writes' : reasonOf(error)
      throw new PeerError(`${path} cannot be read: ${reason}`)
    }
  }

  get all(): readonly Share[] {
    return [...this.#shares.values()]
  }

  get songs(): readonly SongShare[] {
    return this.all.filter((found) => found.kind === 'song')
  }

  /** @returns what is shared in the same way at the same path */
  current(share: Share): Share | undefined {
    return this.#shares.get(keyOf(share))
  }

  /** @throws PeerError where there are too many */
  requireRoom(): void {
    if (this.#shares.size >= MAX_SHARES) throw new PeerError(`more than ${MAX_SHARES} files cannot be shared`)
  }

  /** Adds a share or takes the place of the one that it is. @param torrent is kept for those who come for it */
  async put(added: Share, torrent?: Uint8Array): Promise<void> {
    this.#left.delete(added.infoHash)
    if (torrent !== undefined) await writeWhole(this.#torrentPath(added.infoHash), torrent)
    this.#shares.set(keyOf(added), added)
    if (performance.now() - this.#savedAt > SAVE_EVERY_MS) await this.save()
  }

  delete(share: Share): void {
    this.#shares.delete(keyOf(share))
    this.#left.add(share.infoHash)
  }

  torrentOf(infoHash: string): Promise<Uint8Array> {
    return readFile(this.#torrentPath(infoHash))
  }

  /** Makes durable what was put and deleted. */
  save(): Promise<void> {
    this.#savedAt = performance.now()
    this.#saving = this.#saving
      .catch(() => undefined)
      .then(() =>
        writeWhole(join(this.#directory, 'shares.json'), `${JSON.stringify({ format: 1, shares: this.all })}\n`),
      )
      .then(() => this.#removeTorrents())
    return this.#saving
  }

  async #removeTorrents(): Promise<void> {
    for (const infoHash of [...this.#left]) {
      // It may have been shared again meanwhile.
      if (!this.#left.delete(infoHash) || this.all.some((one) => one.infoHash === infoHash)) continue
      await rm(this.#torrentPath(infoHash), { force: true })
    }
  }

  #torrentPath(infoHash: string): string {
    return join(this.#directory, 'torrents', `${infoHash}.torrent`)
  }
}

/** One file may be shared in several ways. */
export function keyOf({ kind, path, ...rest }: Share): string {
  return `${kind} ${'hash' in rest ? rest.hash : ''} ${path}`
}
