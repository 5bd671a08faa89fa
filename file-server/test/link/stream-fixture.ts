import { readdir, readlink } from 'node:fs/promises'
import type { WireError } from '@holdfast/shared/errors/store-error'
import { FRAME_BYTES } from '@holdfast/shared/limits'
import type { StoredCopy } from '@holdfast/shared/wire/shapes'
import { newCopyId } from '../../../shared/test/new-copy-id.ts'
import { named } from '../store/new-copies.ts'
import { openingOf } from './link-fixture.ts'
import type { Dialled } from './scripted-manager.ts'

export const streamId = 'ab'.repeat(8)
type Frame = { seq: number; isLast: boolean; bytes: Buffer; ack: (error?: WireError) => void }

export async function uploadLarge(on: Dialled, bytes: Buffer): Promise<StoredCopy> {
  const copyId = newCopyId()
  await on.call('open-upload', openingOf(copyId))
  let seq = 0
  for (let offset = 0; offset < bytes.length; offset += FRAME_BYTES)
    await on.call('upload-frame', { copyId, seq: seq++ }, bytes.subarray(offset, offset + FRAME_BYTES))
  return (await on.call('upload-end', { copyId, frameCount: seq })).copy as StoredCopy
}

/** Collects frames as they come, for the test to acknowledge; `isGreedy` acknowledges them at once. */
export function receive(on: Dialled, isGreedy: boolean): { frames: Frame[]; errors: unknown[] } {
  const frames: Frame[] = []
  const errors: unknown[] = []
  on.socket.on('stream-frame', (id: number, frame: { seq: number; isLast: boolean }, bytes: Buffer) => {
    const ack = (error?: WireError): void => on.acknowledge(id, error)
    frames.push({ ...frame, bytes, ack })
    if (isGreedy) ack()
  })
  on.socket.on('stream-error', (id: number, failure: { error: unknown }) => {
    errors.push(failure.error)
    on.acknowledge(id)
  })
  return { frames, errors }
}

export const spanOf = (copy: StoredCopy, offset: number, length: number) => ({
  ...named(copy),
  sizeBytes: copy.sizeBytes,
  offset,
  length,
})

export const download = (copy: StoredCopy, offset: number, length: number) => ({
  ...spanOf(copy, offset, length),
  streamId,
  requestId: 'test',
})

/** @returns the copies of a tree that this process holds open. */
export async function copiesOpenIn(tree: string): Promise<string[]> {
  const links = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  )
  return links.filter((target) => target.startsWith(tree) && !target.endsWith('.part'))
}
