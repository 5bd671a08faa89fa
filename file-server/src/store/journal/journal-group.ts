import { encodeFrame, frameBytes } from './journal-frame.ts'
import type { Entry, JournalQueue } from './journal-queue.ts'
import type { Segment } from './journal-segment.ts'

/** A group is written and synced at once. It holds the largest frame several times. */
const GROUP_BYTES = 1024 ** 2
/** This bounds what a replay and a checkpoint have to do where copies are tiny. */
const MAX_FRAMES = 65_536

/** @returns whether a segment may get another frame, however small. */
export function mayGrow(segment: Segment): boolean {
  return segment.copies.length < MAX_FRAMES
}

/** Keeps the frames that go out together in one buffer, which is written to again and again. */
export class JournalGroup {
  readonly #buffer = Buffer.alloc(GROUP_BYTES)
  #endBytes = 0
  #sequence = 0

  /** Encodes as many of those that wait as fit into the segment. @returns them */
  take(queue: JournalQueue, segment: Segment): Entry[] {
    const group: Entry[] = []
    let end = 0
    for (let entry = queue.first; entry !== undefined; entry = queue.first) {
      const { length } = entry.bytes
      if (!mayGrow(segment) || !segment.hasRoomFor(length, end)) break
      if (end + frameBytes(length) > GROUP_BYTES) break
      queue.shift()
      entry.sequence = ++this.#sequence
      end = encodeFrame(this.#buffer, end, entry, segment.header, segment.usedBytes)
      entry.goInto(segment)
      group.push(entry)
    }
    this.#endBytes = end
    return group
  }

  /** Writes the frames of the last `take` and syncs them. The buffer is the group's own and never leaves it. */
  writeTo(segment: Segment): Promise<void> {
    return segment.append(this.#buffer.subarray(0, this.#endBytes))
  }
}
