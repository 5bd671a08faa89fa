import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { PeerError, reasonOf } from '../peer-error.ts'

export interface HashedFile {
  readonly size: number
  /** The file was last changed then, in milliseconds. A file that has the same size and time is taken for the same. */
  readonly changedAt: number
  /** It has the SHA-1 of each piece, 20 bytes each. */
  readonly pieces: Buffer
  readonly sha256: string
}

/** Reads a file once. @param pieceLength by its size. @param onBytes hears how many were read. @throws PeerError where it is no file, empty, or changes meanwhile */
export async function hashFile(
  path: string,
  pieceLength: (size: number) => number,
  signal: AbortSignal,
  onBytes: (doneBytes: number) => void = () => undefined,
): Promise<HashedFile> {
  const before = await statFile(path)
  const length = pieceLength(before.size)
  const whole = createHash('sha256')
  const digests: Buffer[] = []
  let piece = createHash('sha1')
  let room = length
  let size = 0
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024, signal })) {
    let rest = chunk as Buffer
    size += rest.length
    onBytes(size)
    whole.update(rest)
    while (rest.length > 0) {
      const taken = rest.subarray(0, room)
      piece.update(taken)
      room -= taken.length
      rest = rest.subarray(taken.length)
      if (room > 0) continue
      digests.push(piece.digest())
      piece = createHash('sha1')
      room = length
    }
  }
  if (room < length) digests.push(piece.digest())
  const after = await statFile(path)
  if (size !== before.size || after.size !== before.size || after.changedAt !== before.changedAt)
    throw new PeerError(`${path} was changed while it was read`)
  return { size, changedAt: before.changedAt, pieces: Buffer.concat(digests), sha256: whole.digest('hex') }
}

/** @throws PeerError where there is no file that could be shared */
export async function statFile(path: string): Promise<{ readonly size: number; readonly changedAt: number }> {
  const found = await stat(path).catch((error: unknown) => {
    throw new PeerError(`${path} cannot be read: ${reasonOf(error)}`)
  })
  if (!found.isFile()) throw new PeerError(`${path} is no file`)
  if (found.size === 0) throw new PeerError(`${path} is empty, and there is nothing to share`)
  return { size: found.size, changedAt: found.mtimeMs }
}
