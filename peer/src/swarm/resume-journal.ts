import { createHash } from 'node:crypto'
import { type FileHandle, mkdir, open, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseJson } from '@holdfast/shared/parse-json'
import { z } from 'zod'
import { writeWhole } from '../write-whole.ts'

/** A crash loses what came within this time: it is loaded again. */
const WRITE_EVERY_MS = 500
const MAX_BYTES = 64 * 1024 ** 2

const header = z.object({
  format: z.literal(2),
  infoHash: z.string(),
  path: z.string(),
  /** Tells what was at the path. */
  identity: z.string(),
  pieces: z.int(),
})
const written = z.array(z.int().min(0))

export interface JournalKey {
  readonly infoHash: string
  /** The download is there until it is whole. */
  readonly path: string
  readonly pieces: number
}

/**
 * Remembers which pieces of a download are on the disk: one line for what was synced at a time, and the first for what the
 * download is. A piece is listed only once its bytes are durable, so what is listed need not be hashed again.
 */
export class ResumeJournal {
  /** It has one bit a piece, the first in the highest; it is null where nothing is known of what is there. */
  readonly known: Uint8Array | null
  readonly #path: string
  readonly #head: string
  #handle: FileHandle | null
  readonly #sync: () => Promise<void>
  readonly #timer: NodeJS.Timeout
  #waiting: number[] = []
  #writing: Promise<void> = Promise.resolve()
  #failure: Error | null = null

  private constructor(
    { path, head, handle }: { path: string; head: string; handle: FileHandle | null },
    known: Uint8Array | null,
    sync: () => Promise<void>,
  ) {
    this.#path = path
    this.#head = head
    this.#handle = handle
    this.known = known
    this.#sync = sync
    // What fails is told by the next flush.
    this.#timer = setInterval(() => void this.flush().catch(() => undefined), WRITE_EVERY_MS)
  }

  /** @returns the info-hash of the download that is at a path, or null where none is known to be there */
  static async ownerOf(directory: string, path: string): Promise<string | null> {
    const identity = await identityOf(path).catch(() => null)
    const head = (await readLines(journalPath(directory, path)))?.head
    return head !== undefined && head.path === path && head.identity === identity ? head.infoHash : null
  }

  /** Strikes pieces off the list, before the download is opened. */
  static async forget(directory: string, key: JournalKey, pieces: readonly number[]): Promise<void> {
    const path = journalPath(directory, key.path)
    const identity = await identityOf(key.path)
    const found = pieces.length === 0 ? null : await readJournal(path, key, identity)
    if (found === null) return
    const lost = new Set(pieces)
    const isListed = (index: number): boolean => ((found.known[index >> 3] ?? 0) & (0x80 >> (index & 7))) !== 0
    const left = [...Array(key.pieces).keys()].filter((index) => isListed(index) && !lost.has(index))
    await writeWhole(path, `${headOf(key, identity)}${JSON.stringify(left)}\n`)
  }

  /**
   * Opens the journal of a download that is prepared on the disk. Until it is begun nothing is written, so that an end while
   * the files are hashed does not look like a download of which nothing is there.
   * @param isThere whether anything was there before. @param sync makes durable what was written before it is called
   */
  static async open(
    directory: string,
    key: JournalKey,
    isThere: boolean,
    sync: () => Promise<void>,
  ): Promise<ResumeJournal> {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const path = journalPath(directory, key.path)
    const identity = await identityOf(key.path)
    const found = isThere ? await readJournal(path, key, identity) : null
    const head = headOf(key, identity)
    const handle = found === null ? null : await open(path, 'a', 0o600)
    if (found !== null) await handle?.truncate(found.goodBytes)
    // Where files are there and nothing is known of them, they are hashed.
    const known = found?.known ?? (isThere ? null : new Uint8Array(Math.ceil(key.pieces / 8)))
    return new ResumeJournal({ path, head, handle }, known, sync)
  }

  /** Tells whether `known` has been written, and further pieces are listed after it. */
  get isBegun(): boolean {
    return this.#handle !== null
  }

  /** Takes the place of whatever is listed. @param pieces are found to be there */
  async begin(pieces: readonly number[]): Promise<void> {
    await this.#sync()
    await this.#handle?.close()
    this.#handle = null
    await writeWhole(this.#path, `${this.#head}${JSON.stringify(pieces)}\n`)
    this.#handle = await open(this.#path, 'a', 0o600)
  }

  note(index: number): void {
    this.#waiting.push(index)
  }

  /** Makes durable what was noted. @throws what the disk says, also of an earlier time */
  flush(): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      if (this.#failure !== null) throw this.#failure
      if (this.#waiting.length === 0 || this.#handle === null) return
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
    await this.#handle?.close()
    this.#handle = null
  }

  /** Ends it where the download is whole. */
  async remove(): Promise<void> {
    await this.close()
    await rm(this.#path, { force: true })
  }
}

/** The path alone names it: whatever is loaded to a path takes the place of what was loaded there before. */
function journalPath(directory: string, path: string): string {
  return join(directory, `${createHash('sha256').update(path).digest('hex').slice(0, 40)}.jsonl`)
}

/** A number of a file is given again once the file is gone, and another disk has the same ones. */
async function identityOf(path: string): Promise<string> {
  const { dev, ino, birthtimeNs } = await stat(path, { bigint: true })
  return `${dev}/${ino}/${birthtimeNs}`
}

function headOf(key: JournalKey, identity: string): string {
  return `${JSON.stringify({ format: 2, ...key, identity })}\n`
}

/** @returns null where there is none for exactly this download */
async function readJournal(
  path: string,
  key: JournalKey,
  identity: string,
): Promise<{ readonly known: Uint8Array; readonly goodBytes: number } | null> {
  const read = await readLines(path)
  if (read === null) return null
  const { infoHash, path: described, pieces, identity: before } = read.head
  if (infoHash !== key.infoHash || described !== key.path || pieces !== key.pieces || before !== identity) return null
  const known = new Uint8Array(Math.ceil(key.pieces / 8))
  for (const line of read.lines) {
    const parsed = written.safeParse(parseJson(line))
    if (!parsed.success) return null
    for (const index of parsed.data)
      if (index < key.pieces) known[index >> 3] = (known[index >> 3] ?? 0) | (0x80 >> (index & 7))
  }
  return { known, goodBytes: read.goodBytes }
}

/** @returns null where there is no journal */
async function readLines(
  path: string,
): Promise<{ readonly head: z.output<typeof header>; readonly lines: string[]; readonly goodBytes: number } | null> {
  const text = await readFile(path).catch(() => null)
  if (text === null || text.length > MAX_BYTES) return null
  // What stands after the last line feed was being written in a crash.
  const goodBytes = text.lastIndexOf(0x0a) + 1
  const [first = '', ...lines] = text.toString('utf8', 0, goodBytes).split('\n').slice(0, -1)
  const head = header.safeParse(parseJson(first))
  return head.success ? { head: head.data, lines, goodBytes } : null
}
