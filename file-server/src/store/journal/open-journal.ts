import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { INLINE_MAX_BYTES } from '@holdfast/shared/limits'
import type { Logger } from '@holdfast/shared/node/logger'
import { StartError } from '@holdfast/shared/node/run-service'
import type { DiskCalls } from '../disk/disk-calls.ts'
import { type DiskHealth, isErrno, toDiskError } from '../disk/disk-health.ts'
import type { Room } from '../disk/room.ts'
import { Journal, type JournalDeps } from './journal.ts'
import { type Frame, readFrames } from './journal-frame.ts'
import { decodeHeader, SEGMENT_START } from './journal-header.ts'
import { Segment } from './journal-segment.ts'

export interface JournalSettings {
  /** Copies up to this size are made durable by the journal; 0 turns it off. */
  readonly maxCopyBytes: number
  readonly segmentBytes: number
  readonly limits?: JournalDeps['limits']
}

export const DEFAULT_JOURNAL: JournalSettings = { maxCopyBytes: 64 * 1024, segmentBytes: 32 * 1024 ** 2 }

/** The frames speak of this tree. */
interface JournaledTree {
  /**
   * Makes the tree hold what the frames say. @param isDamaged says that frames are missing from among them. @returns
   * counts for the log
   */
  readonly replay: (frames: readonly Frame[], isDamaged: boolean) => Promise<object>
  readonly makeDurable: JournalDeps['makeDurable']
}

interface Options extends JournalSettings {
  readonly dataDirectory: string
  readonly tree: JournaledTree
  readonly room: Room
  readonly disk: DiskCalls
  readonly health: DiskHealth
  readonly log: Logger
}

const NAMES = ['a.segment', 'b.segment'] as const
/** Segments grow from this size on. */
const FIRST_BYTES = 1024 ** 2
/** A start reads both segments into memory, so their size is bounded. */
const MAX_SEGMENT_BYTES = 256 * 1024 ** 2
const SIZE_STEP = 64 * 1024
/** A segment takes at most this share of the disk. */
const DISK_SHARE = 1 / 32

interface Found {
  readonly segment: Segment
  readonly bytes: Buffer
}

/** Replays what an earlier run left, then takes the journal into use. @returns null where there is to be none. */
export async function openJournal(options: Options): Promise<Journal | null> {
  const { dataDirectory, disk, room, health, limits } = options
  const directory = join(dataDirectory, 'journal')
  const segments: Segment[] = []
  try {
    const found = await openSegments(directory, disk, segments)
    // Segments that are set aside count too, because no two files may get the same name.
    const generation = Math.max(0, ...found.map(({ segment }) => segment.header.generation))
    if (await replayAll(found, options)) segments.length = 0
    const maxSegmentBytes = limitSegmentBytes(options)
    const pair =
      maxSegmentBytes === 0 ? null : await completeSegments(segments, directory, generation, maxSegmentBytes, options)
    if (pair === null) {
      for (const segment of segments) await segment.remove()
      return null
    }
    return new Journal({
      segments: pair,
      maxSegmentBytes,
      maxCopyBytes: limitCopyBytes(options.maxCopyBytes, pair),
      makeDurable: options.tree.makeDurable,
      spendRoom: (bytes) => room.spend(bytes),
      health,
      ...(limits === undefined ? {} : { limits }),
    })
  } catch (error) {
    await Promise.allSettled(segments.map((segment) => segment.close()))
    throw error
  }
}

/** @returns the segments that are there, oldest first. @throws StartError */
async function openSegments(directory: string, disk: DiskCalls, opened: Segment[]): Promise<Found[]> {
  const found: Found[] = []
  for (const name of NAMES) {
    const path = join(directory, name)
    const bytes = await readSegment(path)
    if (bytes === null) continue
    const { copy, ...header } = decodeHeader(bytes, path)
    const segment = await Segment.open(path, disk, { header, copy, sizeBytes: bytes.length })
    opened.push(segment)
    found.push({ segment, bytes })
  }
  return found.sort((a, b) => a.segment.header.generation - b.segment.header.generation)
}

async function readSegment(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null
    throw error
  }
}

/** @returns whether the segments were damaged, and so set aside. */
async function replayAll(found: readonly Found[], options: Options): Promise<boolean> {
  const startedAtMs = performance.now()
  const read = found.map(({ segment, bytes }) => readFrames(bytes, segment.header, SEGMENT_START))
  const frames = read.flatMap((segment) => segment.frames)
  if (frames.length === 0) return false
  const isDamaged = read.some((segment) => segment.isDamaged)
  try {
    const counts = await options.tree.replay(frames, isDamaged)
    await options.tree.makeDurable(frames.map(({ copy }) => copy))
    // The oldest goes first, because it must not speak without those that came after it.
    if (isDamaged) {
      const kept: string[] = []
      for (const { segment } of found) kept.push(await segment.setAside())
      options.log.error(
        { kept },
        'the journal is damaged, frames are missing from the middle of it: its files are kept',
      )
    } else {
      let generation = Math.max(...found.map(({ segment }) => segment.header.generation))
      for (const { segment } of found) await segment.reset(++generation)
    }
    const durationMs = Math.round(performance.now() - startedAtMs)
    options.log.info({ frameCount: frames.length, ...counts, durationMs }, 'journal replayed')
    return isDamaged
  } catch (error) {
    if (toDiskError(error).name !== 'DISK_FULL') throw error
    throw new StartError(
      `${options.dataDirectory} has no room for what its journal holds: free some space and start again, nothing is lost`,
      { cause: error },
    )
  }
}

function limitSegmentBytes({ maxCopyBytes, segmentBytes, room }: Options): number {
  if (maxCopyBytes === 0) return 0
  return Math.floor(Math.min(segmentBytes, MAX_SEGMENT_BYTES, room.totalBytes * DISK_SHARE) / SIZE_STEP) * SIZE_STEP
}

/** @returns both segments, empty, the one of the lower generation first; null where the disk is too full to make them. */
async function completeSegments(
  segments: Segment[],
  directory: string,
  knownGeneration: number,
  maxBytes: number,
  { disk, log, dataDirectory }: Options,
): Promise<readonly [Segment, Segment] | null> {
  let generation = Math.max(knownGeneration, ...segments.map(({ header }) => header.generation))
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    await disk.syncDirectory(dataDirectory)
    for (const name of NAMES) {
      const path = join(directory, name)
      if (segments.some((segment) => segment.path === path)) continue
      segments.push(await Segment.make(path, disk, ++generation, Math.min(FIRST_BYTES, maxBytes)))
    }
  } catch (error) {
    if (toDiskError(error).name !== 'DISK_FULL') throw error
    log.warn({ err: error }, 'the disk is too full for a journal: every copy is synced by itself')
    return null
  }
  for (const segment of segments) await segment.shrink(maxBytes)
  // The one that was reset first is written first, so that the older frames have the lower generation: a replay resets by it.
  const [first, second] = segments.toSorted((a, b) => a.header.generation - b.header.generation)
  return first === undefined || second === undefined ? null : [first, second]
}

/**
 * A frame must fit several times into a group and a segment, so no copy that goes through the journal may be larger.
 */
function limitCopyBytes(settingBytes: number, segments: readonly Segment[]): number {
  return Math.min(settingBytes, INLINE_MAX_BYTES, ...segments.map(({ sizeBytes }) => Math.floor(sizeBytes / 4)))
}
