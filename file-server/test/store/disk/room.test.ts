import { describe, expect, it } from 'vitest'
import type { DiskRoom } from '../../../src/store/disk/disk-calls.ts'
import { Room } from '../../../src/store/disk/room.ts'

function roomWith(disk: Partial<DiskRoom>, minFreeBytes = 100) {
  const state = { freeBytes: 1_000, totalBytes: 10_000, freeInodes: null, ...disk, nowMs: 0, reads: 0 }
  const read = async () => {
    state.reads += 1
    return { freeBytes: state.freeBytes, totalBytes: state.totalBytes, freeInodes: state.freeInodes }
  }
  return { state, room: new Room({ minFreeBytes, read, nowMs: () => state.nowMs }) }
}
const full = { name: 'DISK_FULL' }

describe('Room', () => {
  it('keeps the minimum free and what running uploads were promised', async () => {
    const { room } = roomWith({})
    const first = await room.reserve(500)
    await expect(room.reserve(401)).rejects.toMatchObject(full)
    const second = await room.reserve(400)
    expect(room.freeBytes).toBe(0)
    await expect(room.reserve(null)).rejects.toMatchObject(full)
    first.release()
    first.release()
    expect(room.freeBytes).toBe(500)
    second.release()
    expect(room.freeBytes).toBe(900)
  })

  it('counts what is written until the file system has been asked again, and asks once a second', async () => {
    const { room, state } = roomWith({})
    const upload = await room.reserve(300)
    await upload.spend(300)
    upload.release()
    expect(room.freeBytes).toBe(600)
    state.freeBytes = 700
    state.nowMs = 999
    await room.refresh()
    expect([state.reads, room.freeBytes]).toEqual([1, 600])
    state.nowMs = 1_000
    await Promise.all([room.refresh(), room.refresh(), room.reserve(null)])
    expect([state.reads, room.freeBytes]).toEqual([2, 600])
  })

  it('stops an upload of unknown size at the limit, and lets one of known size use what it was promised', async () => {
    const { room } = roomWith({})
    const unknown = await room.reserve(null)
    const known = await room.reserve(600)
    await unknown.spend(300)
    await expect(unknown.spend(1)).rejects.toMatchObject(full)
    await known.spend(600)
    await expect(known.spend(1)).rejects.toMatchObject(full)
  })

  it('refuses when inodes are nearly out, and not where the file system has no fixed number of them', async () => {
    const { room } = roomWith({ freeInodes: 999 } as Partial<DiskRoom>)
    await expect(room.reserve(1)).rejects.toMatchObject(full)
    expect(room.isNearlyFull).toBe(true)
    const { room: other } = roomWith({ freeInodes: null })
    await other.refresh()
    expect(other.isNearlyFull).toBe(false)
  })
})
