import { createHash } from 'node:crypto'
import { type FileHandle, mkdir, open, readFile, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { syncDirectory } from '@holdfast/shared/node/make-directory'
import { z } from 'zod'

/** A crash loses what came within this time: it is loaded again. */
const WRITE_EVERY_MS = 500
const MAX_BYTES = 64 * 1024 ** 2

const header = z.object({
  format: z.literal(1),
  infoHash: z.string(),
  path: z.string(),
  inode: z.string(),
  pieces: z.int(),
})
const written = z.array(z.int().min(0))

export interface JournalKey {
  readonly infoHash: string
  /** Where the download is until it is whole. */
  readonly path: string
  readonly pieces: number
}

/**
 * Remembers which pieces of a download are on the disk: one line for what was synced at a time, and the first for what the
 * download is. A piece is listed only once its bytes are durable, so what is listed need not be hashed again.
 */
export class ResumeJournal {
  /** One bit a piece, the first in the highest; null where nothing is known of what is there. */
  readonly known: Uint8Array | null
  readonly #path: string
  readonly #handle: FileHandle
  readonly #headBytes: number
  readonly #sync: () => Promise<void>
  readonly #timer: NodeJS.Timeout
  #waiting: number[] = []
  #writing: Promise<void> = Promise.resolve()
  #failure: Error | null = null

  private constructor(
    { path, handle, headBytes }: { path: string; handle: FileHandle; headBytes: number },
    known: Uint8Array | null,
    sync: () => Promise<void>,
  ) {
    this.#headBytes = headBytes
    this.#path = path
    this.#handle = handle
    this.known = known
    this.#sync = sync
    // What fails is told by the next flush.
    this.#timer = setInterval(() => void this.flush().catch(() => undefined), WRITE_EVERY_MS)
  }

  /**
   * Opens the journal of a download that is prepared on the disk.
   * @param isThere whether the files had their sizes before. @param sync makes durable what was written before it is called
   */
  static async open(
    directory: string,
    key: JournalKey,
    isThere: boolean,
    sync: () => Promise<void>,
  ): Promise<ResumeJournal> {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const name = createHash('sha256').update(`${key.infoHash} ${key.path}`).digest('hex').slice(0, 40)
    const path = join(directory, `${name}.jsonl`)
    const inode = String((await stat(key.path, { bigint: true })).ino)
    const found = isThere ? await readJournal(path, key, inode) : null
    const handle = await open(path, found === null ? 'w' : 'r+', 0o600)
    const head = `${JSON.stringify({ format: 1, ...key, inode })}\n`
    if (found === null) {
      await handle.write(head)
      await handle.sync()
      await syncDirectory(directory)
    } else await handle.truncate(found.goodBytes)
    await handle.close()
    // Where files are there and nothing is known of them, they are hashed.
    const known = found?.known ?? (isThere ? null : new Uint8Array(Math.ceil(key.pieces / 8)))
    const file = { path, handle: await open(path, 'a', 0o600), headBytes: Buffer.byteLength(head) }
    return new ResumeJournal(file, known, sync)
  }

  note(index: number): void {
    this.#waiting.push(index)
  }

  /** Forgets all pieces, because one that was listed is not there. */
  async clear(): Promise<void> {
    await this.#handle.truncate(this.#headBytes)
    await this.#handle.datasync()
  }

  /** Makes durable what was noted. @throws what the disk says, also of an earlier time */
  flush(): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      if (this.#failure !== null) throw this.#failure
      if (this.#waiting.length === 0) return
      const pieces = this.#waiting
      this.#waiting = []
      try {
        await this.#sync()
        await this.#handle.write(`${JSON.stringify(pieces)}\n`)
        await this.#handle.datasync()
      } catch (error) {
        this.#failure = error instanceof Error ? error : new Error(String(error))
        throw this.#failure
      }
    })
    return this.#writing
  }

  /** Ends with all noted that can be. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.flush().catch(() => undefined)
    await this.#handle.close()
  }

  /** Ends it where the download is whole. */
  async remove(): Promise<void> {
    await this.close()
    await unlink(this.#path)
  }
}

/** @returns null where there is none for exactly this download */
async function readJournal(
  path: string,
  key: JournalKey,
  inode: string,
): Promise<{ readonly known: Uint8Array; readonly goodBytes: number } | null> {
  const text = await readFile(path).catch(() => null)
  if (text === null || text.length > MAX_BYTES) return null
  // What stands after the last line feed was being written in a crash.
  const goodBytes = text.lastIndexOf(0x0a) + 1
  const [first = '', ...lines] = text.toString('utf8', 0, goodBytes).split('\n').slice(0, -1)
  const head = header.safeParse(parse(first))
  if (!head.success) return null
  const { infoHash, path: described, pieces, inode: before } = head.data
  if (infoHash !== key.infoHash || described !== key.path || pieces !== key.pieces || before !== inode) return null
  const known = new Uint8Array(Math.ceil(key.pieces / 8))
  for (const line of lines) {
    const parsed = written.safeParse(parse(line))
    if (!parsed.success) return null
    for (const index of parsed.data)
      if (index < key.pieces) known[index >> 3] = (known[index >> 3] ?? 0) | (0x80 >> (index & 7))
  }
  return { known, goodBytes }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}
