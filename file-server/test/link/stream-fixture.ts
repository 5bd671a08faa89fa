import { readdir, readlink } from 'node:fs/promises'
import { FRAME_BYTES } from '@holdfast/shared/limits'
import type { StoredCopy } from '@holdfast/shared/wire/events'
import { newCopyId } from '../../../shared/test/new-copy-id.ts'
import { namedOf, uploadOf } from './link-fixture.ts'
import type { Dialled } from './scripted-manager.ts'

export const streamId = 'ab'.repeat(8)
export type Ack = (result: unknown) => void
type Frame = { seq: number; isLast: boolean; bytes: Buffer; ack: Ack }

export async function uploadLarge(on: Dialled, bytes: Buffer): Promise<StoredCopy> {
  const copyId = newCopyId()
  await on.call('upload-file', uploadOf(copyId), null)
  let seq = 0
  for (let offset = 0; offset < bytes.length; offset += FRAME_BYTES)
    await on.call('upload-frame', { copyId, seq: seq++ }, bytes.subarray(offset, offset + FRAME_BYTES))
  return (await on.call('upload-end', { copyId, frameCount: seq })).copy as StoredCopy
}

/** Frames as they come, in the hands of the test; `isGreedy` acknowledges them at once. */
export function receive(on: Dialled, isGreedy: boolean): { frames: Frame[]; errors: unknown[] } {
  const frames: Frame[] = []
  const errors: unknown[] = []
  on.socket.on('stream-frame', (frame: { seq: number; isLast: boolean }, bytes: Buffer, ack: Ack) => {
    frames.push({ ...frame, bytes, ack })
    if (isGreedy) ack({ ok: true })
  })
  on.socket.on('stream-error', (failure: { error: unknown }, ack: Ack) => {
    errors.push(failure.error)
    ack({ ok: true })
  })
  return { frames, errors }
}

export const download = (copy: StoredCopy, offset: number, length: number) => ({
  ...namedOf(copy),
  sizeBytes: copy.sizeBytes,
  offset,
  length,
  streamId,
  requestId: 'test',
  isRaw: false,
})

/** Copies of a tree that this process holds open. */
export async function copiesOpenIn(tree: string): Promise<string[]> {
  const links = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  )
  return links.filter((target) => target.startsWith(tree) && !target.endsWith('.part'))
}
