import { StoreError } from '../errors/store-error.ts'
import { INLINE_MAX_BYTES } from '../limits.ts'

/** A message that travels in a group has a head, which JSON can say, and maybe bytes. */
export interface GroupItem {
  readonly head: unknown
  readonly bytes: Uint8Array | null
}

/** A group has at most so many items. */
export const GROUP_MAX_ITEMS = 256

/** A group is closed before it gets longer than this, unless its first item alone does. It is counted in bytes. */
export const GROUP_MAX_BYTES = INLINE_MAX_BYTES

/** An item adds at most about so many bytes to its group beside its own. */
const HEAD_BYTES = 300

const LENGTH_BYTES = 4

/** @returns how many of the items, from `start`, fit into one group: at least one. */
export function countFitting(items: readonly GroupItem[], start: number): number {
  let sum = 0
  for (let index = start; index < items.length; index++) {
    sum += HEAD_BYTES + (items[index]?.bytes?.length ?? 0)
    if (index > start && (sum > GROUP_MAX_BYTES || index - start >= GROUP_MAX_ITEMS)) return index - start
  }
  return items.length - start
}

/**
 * Packs several messages into one run of bytes, so that Socket.IO has one attachment to carry and no object to search: the
 * length of the heads (32 bits, big endian), the heads as JSON `[head, byteCount, head, byteCount, …]`, then the bytes in
 * order.
 */
export function encodeGroup(items: readonly GroupItem[]): Buffer {
  const heads: unknown[] = []
  let byteCount = 0
  for (const { head, bytes } of items) {
    heads.push(head, bytes?.length ?? null)
    byteCount += bytes?.length ?? 0
  }
  const json = JSON.stringify(heads)
  const headLength = Buffer.byteLength(json)
  const group = Buffer.allocUnsafe(LENGTH_BYTES + headLength + byteCount)
  group.writeUInt32BE(headLength, 0)
  group.write(json, LENGTH_BYTES)
  let offset = LENGTH_BYTES + headLength
  for (const { bytes } of items) {
    if (bytes === null) continue
    group.set(bytes, offset)
    offset += bytes.length
  }
  return group
}

/** @returns the items, their bytes as views of the group. @throws INVALID_REQUEST where it is not a group */
export function decodeGroup(value: unknown): GroupItem[] {
  if (!(value instanceof Uint8Array) || value.length < LENGTH_BYTES) throw malformed('no bytes')
  const group = Buffer.from(value.buffer, value.byteOffset, value.length)
  let offset = LENGTH_BYTES + group.readUInt32BE(0)
  if (offset > group.length) throw malformed('its heads are cut')
  const heads = parseHeads(group.toString('utf8', LENGTH_BYTES, offset))
  const items: GroupItem[] = []
  for (let index = 0; index < heads.length; index += 2) {
    const byteCount = heads[index + 1]
    if (byteCount === null) {
      items.push({ head: heads[index], bytes: null })
      continue
    }
    if (typeof byteCount !== 'number' || !Number.isInteger(byteCount) || byteCount < 0) throw malformed('a byte count')
    const end = offset + byteCount
    if (end > group.length) throw malformed('its bytes are cut')
    items.push({ head: heads[index], bytes: group.subarray(offset, end) })
    offset = end
  }
  if (offset !== group.length) throw malformed('bytes that belong to nothing')
  return items
}

function parseHeads(json: string): unknown[] {
  let heads: unknown
  try {
    heads = JSON.parse(json)
  } catch (error) {
    throw new StoreError('INVALID_REQUEST', 'not a group: its heads are not JSON', { cause: error })
  }
  if (!Array.isArray(heads) || heads.length % 2 !== 0 || heads.length > 2 * GROUP_MAX_ITEMS)
    throw malformed('its heads')
  return heads
}

function malformed(what: string): StoreError {
  return new StoreError('INVALID_REQUEST', `not a group: ${what}`)
}
