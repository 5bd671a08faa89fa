import { hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { type CopyId, type Digest, isSlot, type Slot } from '@holdfast/shared/ids'
import type { NamedCopy } from '@holdfast/shared/wire/shapes'
import type { SegmentHeader } from './journal-header.ts'

/**
 * `put` says that the slot holds this copy, whose bytes follow; `gone` that the copy was deleted; `settled` that the
 * slot is as it should be without the journal, because a copy was put there directly, restored or moved out.
 */
export type FrameKind = 'put' | 'gone' | 'settled'

export interface NewFrame {
  readonly kind: FrameKind
  readonly copy: NamedCopy
  readonly sequence: number
  readonly bytes: Uint8Array
}

export interface Frame extends NewFrame {
  readonly bytes: Buffer
  /**
   * The frame starts here in its segment, and its group at `groupOffset`: all before the group had been synced by then.
   */
  readonly offset: number
  readonly groupOffset: number
}

/**
 * The bytes are: salt 8, generation 6, kind 1, -, sequence 6, --, slot 4, length 4, group 4, copyId 20, digest 32,
 * ----, crc 4.
 */
const FRAME_HEADER_BYTES = 96
const ALIGNMENT = 8
const AT = { generation: 8, kind: 14, sequence: 16, slot: 24, length: 28, group: 32, copyId: 36, digest: 56, crc: 92 }
const KINDS: readonly FrameKind[] = ['put', 'gone', 'settled']
const NO_BYTES = Buffer.alloc(0)

export function frameBytes(length: number): number {
  return FRAME_HEADER_BYTES + Math.ceil(length / ALIGNMENT) * ALIGNMENT
}

/** Writes a frame to `target` at `at`. @returns where it ends. */
export function encodeFrame(
  target: Buffer,
  at: number,
  frame: NewFrame,
  { salt, generation }: SegmentHeader,
  groupOffset: number,
): number {
  const { copy, bytes } = frame
  target.fill(0, at, at + FRAME_HEADER_BYTES)
  salt.copy(target, at)
  target.writeUIntBE(generation, at + AT.generation, 6)
  target[at + AT.kind] = KINDS.indexOf(frame.kind) + 1
  target.writeUIntBE(frame.sequence, at + AT.sequence, 6)
  target.writeUInt32BE(copy.slot, at + AT.slot)
  target.writeUInt32BE(bytes.length, at + AT.length)
  target.writeUInt32BE(groupOffset, at + AT.group)
  target.write(copy.copyId, at + AT.copyId, 'hex')
  target.write(copy.sha256, at + AT.digest, 'hex')
  target.writeUInt32BE(crc32(target.subarray(at, at + AT.crc)), at + AT.crc)
  target.set(bytes, at + FRAME_HEADER_BYTES)
  const end = at + frameBytes(bytes.length)
  target.fill(0, at + FRAME_HEADER_BYTES + bytes.length, end)
  return end
}

/** @returns null where no whole frame of the header's generation starts at `at`. */
function decodeFrame(source: Buffer, at: number, { salt, generation }: SegmentHeader): Frame | null {
  if (at + FRAME_HEADER_BYTES > source.length || salt.compare(source, at, at + salt.length) !== 0) return null
  if (source.readUInt32BE(at + AT.crc) !== crc32(source.subarray(at, at + AT.crc))) return null
  const kind = KINDS[(source[at + AT.kind] ?? 0) - 1]
  const slot = source.readUInt32BE(at + AT.slot)
  if (source.readUIntBE(at + AT.generation, 6) !== generation || kind === undefined || !isSlot(slot)) return null
  const start = at + FRAME_HEADER_BYTES
  const end = start + source.readUInt32BE(at + AT.length)
  if (end > source.length) return null
  const sha256 = source.toString('hex', at + AT.digest, at + AT.digest + 32) as Digest
  const bytes = end === start ? NO_BYTES : source.subarray(start, end)
  // The checksum covers the digest, and the digest the bytes.
  if (kind === 'put' && hash('sha256', bytes, 'hex') !== sha256) return null
  return {
    kind,
    copy: { copyId: source.toString('hex', at + AT.copyId, at + AT.digest) as CopyId, slot: slot as Slot, sha256 },
    sequence: source.readUIntBE(at + AT.sequence, 6),
    bytes,
    offset: at,
    groupOffset: source.readUInt32BE(at + AT.group),
  }
}

interface SegmentFrames {
  readonly frames: readonly Frame[]
  /** Frames that had been synced are missing from among them. */
  readonly isDamaged: boolean
}

/**
 * Finds every whole frame of the header's generation, in order. Reading ends at the last one: what comes after it is older, or
 * the torn end of a group that was not synced. Such a group may also have a hole with whole frames behind it. Those count:
 * nobody was told of them, and what they say was true. A hole that a later group proves to have been synced is damage.
 */
export function readFrames(source: Buffer, header: SegmentHeader, from: number): SegmentFrames {
  const frames: Frame[] = []
  const holes: number[] = []
  for (let at = from; ; ) {
    let frame = decodeFrame(source, at, header)
    if (frame === null) {
      frame = findFrame(source, at, header)
      if (frame === null) break
      holes.push(at)
    }
    frames.push(frame)
    at = frame.offset + frameBytes(frame.bytes.length)
  }
  const lastGroup = frames.at(-1)?.groupOffset ?? 0
  return { frames, isDamaged: holes.some((hole) => hole < lastGroup) }
}

/** The salt is random and never leaves the disk, so no stored bytes can pass for a frame. */
function findFrame(source: Buffer, from: number, header: SegmentHeader): Frame | null {
  for (let at = source.indexOf(header.salt, from); at !== -1; at = source.indexOf(header.salt, at + 1)) {
    const frame = at % ALIGNMENT === 0 ? decodeFrame(source, at, header) : null
    if (frame !== null) return frame
  }
  return null
}
